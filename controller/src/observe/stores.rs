//! What is always watched: nodes, and our own kinds.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
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
    ///
    /// # Errors
    /// When they are not `within` that time.
    pub async fn synced(&self, within: Duration, waits: impl Fn()) -> Result<()> {
        let listed = async {
            while !self.is_synced() {
                waits();
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(within, listed).await.is_ok() {
            return Ok(());
        }
        bail!(
            "not listed in {} s: {}; are the right to list them and their definitions there?",
            within.as_secs(),
            self.unlisted()
        )
    }

    fn is_synced(&self) -> bool {
        self.kinds().iter().all(|kind| kind.is_listed)
    }

    /// What was not listed yet, and why.
    fn unlisted(&self) -> String {
        let kinds = self.kinds().into_iter().filter(|kind| !kind.is_listed);
        let each = kinds.map(|Kind { name, failing, .. }| match failing {
            Some((_, why)) => format!("{name} ({why})"),
            None => format!("{name} (no answer to the end)"),
        });
        each.collect::<Vec<_>>().join(", ")
    }

    /// What has not been heard of for too long, and why.
    #[must_use]
    pub fn stale(&self) -> Option<String> {
        self.kinds()
            .into_iter()
            .find_map(|Kind { name, failing, .. }| {
                let (_, why) = failing.filter(|(time, _)| *time > MAY_FAIL_FOR)?;
                Some(format!(
                    "{name} cannot be watched, what is seen of them may be old: {why}"
                ))
            })
    }

    fn kinds(&self) -> [Kind; 5] {
        [
            Kind::of("Nodes", &self.nodes),
            Kind::of("NodeHealthPolicies", &self.policies),
            Kind::of("NodeHealths", &self.healths),
            Kind::of("NodeRemediations", &self.remediations),
            Kind::of("the DisruptionLedger", &self.ledgers),
        ]
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

/// How the watch of a kind goes.
struct Kind {
    name: &'static str,
    is_listed: bool,
    failing: Option<(Duration, String)>,
}

impl Kind {
    fn of<T>(name: &'static str, table: &Table<T>) -> Self {
        Self {
            name,
            is_listed: table.is_listed(),
            failing: table.failing(),
        }
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
