//! What the leader swaps.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::policy::RemedyKind;
use crate::schema::{atomic, map_by, rule};
use crate::string_enum::string_enum;

/// What the leading controller swaps. Every change names the resourceVersion it
/// is based on, so that of two leaders one fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DisruptionLedgerStatus {
    /// The generation of the spec that the leader has taken in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,

    /// The number of the leadership: one more than before, or the seconds since
    /// 1970 if that is more, at every acquisition. Actuators refuse commands of a
    /// lower one than they have seen. Never goes back.
    #[schemars(range(min = 0), transform = rule(
        "self >= oldSelf",
        "status.epoch: write no lower number than before; a lower epoch would revive the commands of an old leader",
    ))]
    pub epoch: i64,

    /// The controller that leads. At most 253 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub leader: Option<String>,

    /// The number of slots, for people.
    pub slots_in_use: u32,

    /// Nodes that remedies are working on, one slot each. At most 1024.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024), transform = map_by(&["node"]))]
    pub slots: Vec<Slot>,

    /// Running cool-downs and caps: what was done to which node in the last 24
    /// hours, or for as long as a policy's cooldownPerNode. At most 3000; when it
    /// is full, no new disruption begins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3000), transform = atomic)]
    pub history: Vec<HistoryEntry>,

    /// When the last disruption ended, for pauseBetween.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_disruption: Option<Time>,

    /// Ready, HistoryFull.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), transform = map_by(&["type"]))]
    pub conditions: Vec<Condition>,
}

/// A node that a remedy is working on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Slot {
    /// The node.
    #[schemars(length(min = 1, max = 253))]
    pub node: String,
    /// The node's UID. A node made again under the same name frees the slot.
    #[serde(rename = "nodeUID")]
    #[schemars(length(min = 1, max = 64))]
    pub node_uid: String,
    /// The incident.
    #[schemars(length(min = 1, max = 253))]
    pub remediation: String,
    /// Which budget it uses.
    pub kind: SlotKind,
    /// The boot ID when the slot was taken, for reboots.
    #[serde(default, rename = "bootID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub boot_id: Option<String>,
    /// The epoch in which it was taken.
    #[schemars(range(min = 0))]
    pub epoch: i64,
    /// Since when.
    pub since: Time,
}

string_enum! {
    /// Which budget a slot uses.
    pub enum SlotKind {
        /// The node is taken away: maxUnavailable and perTopology.
        Disruptive,
        /// The node stays in service: maxInPlace.
        InPlace,
    }
}

impl SlotKind {
    /// Whether the node is taken away.
    #[must_use]
    pub const fn is_disruptive(self) -> bool {
        matches!(self, Self::Disruptive)
    }
}

/// Something that was done to a node and still counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// The node.
    #[schemars(length(min = 1, max = 253))]
    pub node: String,
    /// What was done.
    pub action: RemedyKind,
    /// The remedy's name, for maxPerNodePer24h.
    #[schemars(length(min = 1, max = 63))]
    pub remedy: String,
    /// When it began.
    pub at: Time,
    /// From when on it does not count any more.
    pub until: Time,
}
