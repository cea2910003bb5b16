//! What is seen of the cluster at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use unstall_crds::health::NodeHealth;
use unstall_crds::ledger::{DisruptionLedger, Slot};
use unstall_crds::policy::NodeHealthPolicy;
use unstall_crds::remediation::NodeRemediation;

use crate::node::Node;
use crate::pods::{DisruptionBudget, EvictionAnswer, Pod};

/// The cluster at one moment. What is kept as it came is shared, so that a
/// snapshot of thousands of nodes costs no copy of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Snapshot {
    /// The moment.
    pub now: Timestamp,
    /// The epoch in which this controller leads.
    pub epoch: i64,
    /// Every policy.
    pub policies: Vec<NodeHealthPolicy>,
    /// Every node, by name.
    pub nodes: BTreeMap<String, Arc<Node>>,
    /// Every `NodeHealth`, by name, which is its node's.
    pub healths: BTreeMap<String, Arc<NodeHealth>>,
    /// When each probe was heard last, by this controller's clock: the clocks of
    /// nodes may be wrong.
    pub heard: BTreeMap<String, Timestamp>,
    /// Every remediation, ended ones too.
    pub remediations: Vec<Arc<NodeRemediation>>,
    /// The ledger; without it nothing new begins.
    pub ledger: Option<DisruptionLedger>,
    /// The pods of the nodes that were asked for ([`crate::wanted`]). A node
    /// that is not in it is one whose pods are not known.
    pub pods: BTreeMap<String, Vec<Pod>>,
    /// Pods without a node, if they were asked for and could be read.
    pub unplaced: Option<Vec<Pod>>,
    /// Every `PodDisruptionBudget`, if they were asked for and could be read.
    pub budgets: Option<Vec<DisruptionBudget>>,
    /// Volumes that the cluster still attaches, by node: names of their
    /// `VolumeAttachment`s. `None` where they could not be read.
    pub attachments: Option<BTreeMap<String, Vec<String>>>,
    /// What the API server answered last to the eviction of a pod, by the pod's
    /// UID. Kept in memory alone: what is lost is asked again.
    pub evictions: BTreeMap<String, EvictionAnswer>,
    /// What Prometheus says.
    pub alerts: Alerts,
    /// Where this controller's own replicas run. `None` while that is not known:
    /// any node may hold the last one.
    pub replicas: Option<Vec<Replica>>,
    /// Objects of other remediators that were made for incidents, by the
    /// incident's name: whether each is there.
    pub handed_over: BTreeMap<String, HandedOver>,
    /// Objects that could not be read: from a newer version, or written past the
    /// schema. Nothing is done where one might matter.
    pub unreadable: Vec<Unreadable>,
    /// Why what is always watched may be old, if it may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale: Option<String>,
    /// Bounds of what is looked at and kept.
    #[serde(skip)]
    pub limits: Limits,
}

/// Bounds of what is looked at and kept, whatever the cluster's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Nodes whose pods are watched at once.
    pub pod_nodes: usize,
    /// Incidents of one policy that wait at once. What is more than that is counted in the
    /// status of its policy; a fleet that is sick as a whole must not be as many records.
    /// Those that are held by their own nodes keep no others out, up to four times as many.
    pub waiting: usize,
    /// Evictions that are in flight on one node at once.
    pub evictions_per_node: usize,
    /// Records of ended incidents that are kept.
    pub records: usize,
    /// How long they are kept.
    pub record_age: SignedDuration,
    /// How many are deleted in one pass.
    pub forget_at_once: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pod_nodes: 64,
            waiting: 64,
            evictions_per_node: 10,
            records: 1000,
            record_age: SignedDuration::from_hours(30 * 24),
            forget_at_once: 20,
        }
    }
}

/// Firing alerts, as Prometheus tells them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Alerts {
    /// The controller was given no Prometheus.
    #[default]
    NotConfigured,
    /// It was not asked yet, or does not answer: no alert can be ruled out.
    Unknown {
        /// Why.
        why: String,
    },
    /// The labels of every firing alert.
    Firing(Vec<BTreeMap<String, String>>),
}

/// An object that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unreadable {
    /// Its kind.
    pub kind: UnreadableKind,
    /// Its name.
    pub name: String,
    /// Why.
    pub why: String,
}

/// What could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum UnreadableKind {
    /// A policy.
    NodeHealthPolicy,
    /// What a probe says.
    NodeHealth,
    /// An incident.
    NodeRemediation,
    /// The ledger.
    DisruptionLedger,
}

/// A replica of this controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replica {
    /// The pod.
    pub pod: String,
    /// The node on which it runs; empty while it has none.
    pub node: String,
    /// Whether it is ready.
    pub ready: bool,
}

/// The object of another remediator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HandedOver {
    /// It is there.
    Present,
    /// It is not there.
    Absent,
    /// One of its name is there that was not made for the incident.
    Foreign,
    /// The kind of its template is not known to the API server, or the template
    /// is not there.
    NoTemplate,
    /// This controller has no right to look at it.
    Forbidden,
    /// It is not there, and the API server refused to make it, for this reason.
    Refused(String),
}

impl Snapshot {
    /// The `NodeHealth` of `node`, unless it speaks of an earlier node of that
    /// name.
    #[must_use]
    pub fn health(&self, node: &Node) -> Option<&NodeHealth> {
        self.healths
            .get(&node.name)
            .map(Arc::as_ref)
            .filter(|health| health.spec.node_uid == node.uid)
    }

    /// The object of this kind and name that could not be read.
    pub fn unreadable(&self, kind: UnreadableKind) -> impl Iterator<Item = &Unreadable> {
        self.unreadable.iter().filter(move |it| it.kind == kind)
    }

    /// The incident on `node` that could not be read: its name is the node's with
    /// a number, or it holds the node's slot or cordon.
    #[must_use]
    pub fn unreadable_incident(&self, node: &str) -> Option<&Unreadable> {
        let mut slots = self.slots();
        let mut incidents = self.unreadable(UnreadableKind::NodeRemediation).peekable();
        incidents.peek()?;
        let slot = slots.find(|slot| slot.node == node);
        let by = self.nodes.get(node).and_then(|node| node.cordoned_by());
        incidents.find(|it| {
            let rest = it.name.strip_prefix(node);
            let number = rest.and_then(|rest| rest.strip_prefix('-'));
            number.is_some_and(|number| number.parse::<u64>().is_ok())
                || slot.is_some_and(|slot| slot.remediation == it.name)
                || by == Some(&it.name)
        })
    }

    /// The slots of the ledger.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        let ledger = self.ledger.iter().filter_map(|l| l.status.as_ref());
        ledger.flat_map(|status| &status.slots)
    }
}
