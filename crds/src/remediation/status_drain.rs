//! How far a drain is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::condition::BlockedReason;
use crate::schema::{atomic, map_by};

/// How far a drain is, in numbers of pods. DaemonSet and static pods are not
/// counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DrainProgress {
    /// Pods to move when it began, and those that came since.
    pub total: u32,
    /// Pods that are gone.
    pub gone: u32,
    /// Pods that are terminating.
    pub terminating: u32,
    /// Pods that are left on the node: by a rule, or because they tolerate the
    /// cordon.
    pub skipped: u32,
    /// Pods that have to leave and are still there, at most 20 of them: first
    /// those that something holds up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), transform = atomic)]
    pub left: Vec<LeftPod>,
    /// The controllers (ReplicaSets and the like) whose pods had to leave: the
    /// node soaks until these have a place. At most 128.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128), transform = map_by(&["uid"]))]
    pub displaced: Vec<DisplacedOwner>,
}

/// A controller whose pods had to leave the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DisplacedOwner {
    /// Its UID.
    #[schemars(length(min = 1, max = 64))]
    pub uid: String,
    /// What it is, as kind/namespace/name. At most 512 characters.
    #[schemars(length(min = 1, max = 512))]
    pub name: String,
}

/// A pod that is still on the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeftPod {
    /// The pod's namespace.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// The pod's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Why it is still there; absent while its turn has not come, and while it
    /// terminates in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<BlockedReason>,
    /// The same in a sentence, with the name of what forbids it, or what it
    /// waits for. At most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub message: Option<String>,
}
