//! What is seen of the cluster at one moment.

use std::collections::BTreeMap;

use jiff::Timestamp;
use unstall_crds::health::NodeHealth;
use unstall_crds::ledger::DisruptionLedger;
use unstall_crds::policy::NodeHealthPolicy;
use unstall_crds::remediation::NodeRemediation;

/// The cluster at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The moment.
    pub now: Timestamp,
    /// The epoch in which this controller leads.
    pub epoch: i64,
    /// Every policy.
    pub policies: Vec<NodeHealthPolicy>,
    /// Every node, by name.
    pub nodes: BTreeMap<String, Node>,
    /// Every `NodeHealth`, by name, which is its node's.
    pub healths: BTreeMap<String, NodeHealth>,
    /// When each probe was heard last, by this controller's clock: the clocks of
    /// nodes may be wrong.
    pub heard: BTreeMap<String, Timestamp>,
    /// Every remediation, ended ones too.
    pub remediations: Vec<NodeRemediation>,
    /// The ledger; without it nothing new begins.
    pub ledger: Option<DisruptionLedger>,
}

/// What decisions need of a Node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its UID: another one is another node.
    pub uid: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Whether its condition `Ready` is True.
    pub ready: bool,
    /// Whether it is cordoned, whoever did it.
    pub unschedulable: bool,
    /// Whether the object is being deleted.
    pub deleting: bool,
}

impl Snapshot {
    /// The `NodeHealth` of `node`, unless it speaks of an earlier node of that
    /// name.
    #[must_use]
    pub fn health(&self, node: &Node) -> Option<&NodeHealth> {
        self.healths
            .get(&node.name)
            .filter(|health| health.spec.node_uid == node.uid)
    }
}
