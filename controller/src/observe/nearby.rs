//! What is watched only while it is needed: pods, their budgets, volumes, other
//! remediators, alerts; and where our own replicas run.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod as KubePod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::storage::v1::VolumeAttachment;
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use tokio::sync::Notify;
use unstall_decide::{DisruptionBudget, Pod, Replica, Snapshot, Wanted};

use super::alerts::Prometheus;
use super::budget;
use super::hand_over::{HandOvers, Sights};
use super::pods::{NodePods, listed, unplaced};
use super::table::Table;
use super::watch::{Kept, Told, Watch, watch};
use crate::metrics::Metrics;

/// A table that is watched while it is wanted.
type While<T> = Option<(Arc<Table<T>>, Watch)>;

/// A volume that is attached: its attachment and its node.
type Attachment = (String, String);

/// What is watched only while it is needed.
pub struct Nearby {
    client: Client,
    told: Told,
    pods: NodePods,
    unplaced: While<Pod>,
    budgets: While<DisruptionBudget>,
    attachments: While<Attachment>,
    hand_overs: HandOvers,
    prometheus: Option<Prometheus>,
    replicas: While<Replica>,
}

/// The label by which the chart's replicas are known.
const REPLICAS: &str = "app.kubernetes.io/name=unstall,app.kubernetes.io/component=controller";

/// Where our own replicas are.
#[derive(Debug, Clone)]
pub struct OwnPods {
    /// Their namespace.
    pub namespace: String,
    /// The label selector by which they are known.
    pub selector: String,
}

impl OwnPods {
    /// The chart's in `namespace`.
    #[must_use]
    pub fn of_chart(namespace: String) -> Self {
        Self {
            namespace,
            selector: REPLICAS.to_owned(),
        }
    }
}

impl Nearby {
    /// Watches our own replicas, if it is known how, and nothing else yet.
    #[must_use]
    pub fn new(
        client: &Client,
        changed: &Arc<Notify>,
        metrics: &Arc<Metrics>,
        own: Option<&OwnPods>,
        prometheus: Option<Prometheus>,
        sights: &Arc<Sights>,
    ) -> Self {
        let told = Told {
            changed: Arc::clone(changed),
            metrics: Arc::clone(metrics),
        };
        let replicas = own.map(|own| {
            let table = Arc::default();
            let api = Api::namespaced(client.clone(), &own.namespace);
            let config = watcher::Config::default().labels(&own.selector);
            let watch = watch(api, config, &table, &told, Kept::new("pods", replica));
            (table, watch)
        });
        Self {
            client: client.clone(),
            pods: NodePods::new(client.clone(), told.clone()),
            unplaced: None,
            budgets: None,
            attachments: None,
            hand_overs: HandOvers::new(client.clone(), Arc::clone(sights)),
            prometheus,
            replicas,
            told,
        }
    }

    /// Watches what is `wanted`, and no more.
    pub fn want(&mut self, wanted: &Wanted, names_alerts: bool) {
        self.pods.want(&wanted.pods);
        let (client, told) = (&self.client, &self.told);
        keep(&mut self.unplaced, wanted.unplaced, || {
            unplaced(client, told)
        });
        keep(&mut self.budgets, wanted.budgets, || {
            let table = Arc::default();
            let api: Api<PodDisruptionBudget> = Api::all(client.clone());
            let kept = Kept::new("poddisruptionbudgets", budget_of);
            let watch = watch(api, watcher::Config::default(), &table, told, kept);
            (table, watch)
        });
        keep(&mut self.attachments, wanted.attachments, || {
            let table = Arc::default();
            let api: Api<VolumeAttachment> = Api::all(client.clone());
            let watch = watch(
                api,
                watcher::Config::default(),
                &table,
                told,
                Kept::new("volumeattachments", attachment),
            );
            (table, watch)
        });
        self.hand_overs.want(wanted, &told.changed);
        if let Some(prometheus) = &mut self.prometheus {
            prometheus.want(names_alerts, &told.changed);
        }
    }

    /// Puts what is known into `snapshot`.
    pub fn tell(&self, snapshot: &mut Snapshot) {
        snapshot.pods = self.pods.all();
        snapshot.unplaced = self.unplaced.as_ref().and_then(|(table, _)| listed(table));
        snapshot.budgets = self.budgets.as_ref().and_then(|(table, _)| {
            let all = table.known()?;
            Some(all.values().map(|it| it.as_ref().clone()).collect())
        });
        snapshot.attachments = self.attachments.as_ref().and_then(|(table, _)| {
            let mut by_node: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for attached in table.known()?.values() {
                let (name, node) = attached.as_ref().clone();
                by_node.entry(node).or_default().push(name);
            }
            Some(by_node)
        });
        snapshot.handed_over = self.hand_overs.all();
        if let Some(prometheus) = &self.prometheus {
            snapshot.alerts = prometheus.alerts();
        }
        snapshot.replicas = self.replicas.as_ref().and_then(|(table, _)| {
            let all = table.known()?;
            Some(all.values().map(|it| it.as_ref().clone()).collect())
        });
    }
}

/// Starts what is wanted, and drops what is not.
fn keep<T>(table: &mut While<T>, is_wanted: bool, start: impl FnOnce() -> (Arc<Table<T>>, Watch)) {
    if !is_wanted {
        *table = None;
    } else if table.is_none() {
        *table = Some(start());
    }
}

fn budget_of(it: PodDisruptionBudget) -> (String, DisruptionBudget) {
    let budget = budget::from_kube(&it);
    (format!("{}/{}", budget.namespace, budget.name), budget)
}

fn attachment(it: VolumeAttachment) -> (String, Attachment) {
    let name = it.name_any();
    (name.clone(), (name, it.spec.node_name))
}

fn replica(it: KubePod) -> (String, Replica) {
    let name = it.name_any();
    let is_leaving = it.metadata.deletion_timestamp.is_some();
    let conditions = it
        .status
        .into_iter()
        .flat_map(|it| it.conditions.unwrap_or_default());
    let mut ready = conditions.filter(|it| it.type_ == "Ready" && it.status == "True");
    let replica = Replica {
        pod: name.clone(),
        node: it.spec.and_then(|it| it.node_name).unwrap_or_default(),
        ready: ready.next().is_some() && !is_leaving,
    };
    (name, replica)
}
