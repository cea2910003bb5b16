//! What decisions need of a Node.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use unstall_crds::names::annotation;
use unstall_crds::units::KernelVersion;

/// What decisions need of a Node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its UID: another one is another node.
    pub uid: String,
    /// The version of the object that was seen.
    pub resource_version: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// The keys of its taints.
    pub taints: BTreeSet<String>,
    /// Whether it is cordoned, whoever did it.
    pub unschedulable: bool,
    /// Whether the object is being deleted.
    pub deleting: bool,
    /// Its conditions.
    pub conditions: Vec<NodeCondition>,
    /// The boot ID, as its kubelet reports it.
    #[serde(rename = "bootID")]
    pub boot_id: Option<String>,
    /// The running kernel, as its kubelet reports it.
    pub kernel: Option<KernelVersion>,
    /// The volumes that its kubelet and the cluster hold attached.
    pub volumes: Vec<String>,
}

/// A condition of a Node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeCondition {
    /// Its type.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why, in one word.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
    /// Since when the status has stood.
    pub since: Option<Timestamp>,
}

/// The labels by which a node of the control plane is known.
const CONTROL_PLANE: [&str; 2] = [
    "node-role.kubernetes.io/control-plane",
    "node-role.kubernetes.io/master",
];

impl Node {
    /// Its condition of this type.
    #[must_use]
    pub fn condition(&self, type_: &str) -> Option<&NodeCondition> {
        self.conditions.iter().find(|c| c.type_ == type_)
    }

    /// Whether its condition `Ready` is True. One that is not there is not.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.condition("Ready")
            .is_some_and(|ready| ready.status == "True")
    }

    /// Whether it may take pods and does.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.is_ready() && !self.unschedulable
    }

    /// Whether it belongs to the control plane.
    #[must_use]
    pub fn is_control_plane(&self) -> bool {
        CONTROL_PLANE
            .iter()
            .any(|label| self.labels.contains_key(*label))
    }

    /// The incident for which we cordoned it, if we did.
    #[must_use]
    pub fn cordoned_by(&self) -> Option<&str> {
        let by = self.annotations.get(annotation::CORDONED_BY)?;
        Some(by.as_str()).filter(|by| !by.is_empty())
    }
}
