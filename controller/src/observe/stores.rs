//! What is always watched: nodes, and our own kinds.

use std::sync::Arc;
use std::time::Duration;

use kube::runtime::watcher;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use unstall_crds::health::NodeHealth;
use unstall_crds::ledger::DisruptionLedger;
use unstall_crds::policy::NodeHealthPolicy;
use unstall_crds::remediation::NodeRemediation;
use unstall_decide::Node;

use super::node;
use super::perhaps::Perhaps;
use super::same;
use super::table::{MAY_FAIL_FOR, Table};
use super::watch::{Kept, Told, Watch, watch};
use crate::metrics::Metrics;

/// How often it is looked whether all lists are there.
const LOOK: Duration = Duration::from_millis(50);

/// An object of ours, or why it could not be read.
pub type Readable<K> = Result<Arc<K>, String>;

/// The latest objects of every kind that decisions always need.
pub struct Stores {
    /// Nodes.
    pub nodes: Arc<Table<Node>>,
    /// Policies.
    pub policies: Arc<Table<Readable<NodeHealthPolicy>>>,
    /// What probes say.
    pub healths: Arc<Table<Readable<NodeHealth>>>,
    /// Incidents.
    pub remediations: Arc<Table<Readable<NodeRemediation>>>,
    /// The ledger.
    pub ledgers: Arc<Table<Readable<DisruptionLedger>>>,
    changed: Arc<Notify>,
    _watches: Vec<Watch>,
}

impl Stores {
    /// Starts the watches.
    #[must_use]
    pub fn start(client: &Client, metrics: &Arc<Metrics>) -> Self {
        let changed = Arc::new(Notify::new());
        let told = Told {
            changed: Arc::clone(&changed),
            metrics: Arc::clone(metrics),
        };
        let nodes = Arc::default();
        let (policies, of_policies) =
            ours(client, &told, Kept::new("nodehealthpolicies", readable));
        let (healths, of_healths) = ours(
            client,
            &told,
            Kept::new("nodehealths", readable).quiet_if(same::health),
        );
        let (remediations, of_remediations) =
            ours(client, &told, Kept::new("noderemediations", readable));
        let (ledgers, of_ledgers) = ours(client, &told, Kept::new("disruptionledgers", readable));
        let of_nodes = watch(
            Api::all(client.clone()),
            watcher::Config::default(),
            &nodes,
            &told,
            Kept::new("nodes", node::plain).quiet_if(same::node),
        );
        Self {
            nodes,
            policies,
            healths,
            remediations,
            ledgers,
            changed,
            _watches: vec![
                of_nodes,
                of_policies,
                of_healths,
                of_remediations,
                of_ledgers,
            ],
        }
    }

    /// Waits until every kind was listed once: nothing is decided on a part.
    /// `waits` is told at every look.
    pub async fn synced(&self, waits: impl Fn()) {
        while !self.is_synced() {
            waits();
            tokio::time::sleep(LOOK).await;
        }
    }

    fn is_synced(&self) -> bool {
        self.nodes.is_listed()
            && self.policies.is_listed()
            && self.healths.is_listed()
            && self.remediations.is_listed()
            && self.ledgers.is_listed()
    }

    /// What has not been heard of for too long, and why.
    #[must_use]
    pub fn stale(&self) -> Option<String> {
        let all = [
            ("Nodes", self.nodes.failing()),
            ("NodeHealthPolicies", self.policies.failing()),
            ("NodeHealths", self.healths.failing()),
            ("NodeRemediations", self.remediations.failing()),
            ("the DisruptionLedger", self.ledgers.failing()),
        ];
        all.into_iter().find_map(|(what, failing)| {
            let (_, why) = failing.filter(|(time, _)| *time > MAY_FAIL_FOR)?;
            Some(format!(
                "{what} cannot be watched, what is seen of them may be old: {why}"
            ))
        })
    }

    /// Waits until something changed since the last call.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What tells [`Stores::changed`], for watches beside these.
    #[must_use]
    pub fn notify(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }
}

/// Watches one of our kinds. An object that cannot be read, as one from a newer
/// version, must not end the watch of all the others.
fn ours<K>(
    client: &Client,
    told: &Told,
    kept: Kept<Perhaps<K>, Readable<K>>,
) -> (Arc<Table<Readable<K>>>, Watch)
where
    K: Resource<Scope = k8s_openapi::ClusterResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
    K::DynamicType: Default + Clone,
{
    let table = Arc::default();
    let api: Api<Perhaps<K>> = Api::all(client.clone());
    let config = watcher::Config::default();
    let watch = watch(api, config, &table, told, kept);
    (table, watch)
}

fn readable<K: Resource>(object: Perhaps<K>) -> (String, Readable<K>) {
    match object.0 {
        Ok(mut object) => {
            object.meta_mut().managed_fields = None;
            (object.name_any(), Ok(Arc::new(object)))
        }
        Err(broken) => {
            let name = broken.metadata.name.unwrap_or_default();
            (name, Err(broken.error))
        }
    }
}
