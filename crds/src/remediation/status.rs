//! How an incident goes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DrainProgress, Proof, Rung};
use crate::condition::{BlockedReason, Condition};
use crate::schema::{atomic, map_by, rule_at};
use crate::string_enum::string_enum;

/// How the incident goes. Written by the controller. Once there is an outcome,
/// neither outcome nor phase change any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(
    transform = rule_at(
        ".outcome",
        "!has(oldSelf.outcome) || (has(self.outcome) && self.outcome == oldSelf.outcome)",
        "status.outcome: leave it as it is; an incident ends once",
    ),
    transform = rule_at(
        ".phase",
        "!has(oldSelf.outcome) || self.phase == oldSelf.phase",
        "status.phase: leave it as it is; the incident has ended",
    ),
)]
pub struct NodeRemediationStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,

    /// Where the incident stands.
    pub phase: Phase,

    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase_since: Option<Time>,

    /// Until when the phase may last; absent for Pending, which may wait for
    /// ever, and for phases that have ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase_deadline: Option<Time>,

    /// How it ended; absent while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,

    /// The state, or the outcome and why, in a sentence. At most 512 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub message: Option<String>,

    /// The remedy that is, or was last, at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub remedy: Option<String>,

    /// What spoke for opening the incident, in sentences. At most 16.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 512)), transform = atomic)]
    pub evidence: Vec<String>,

    /// What holds the incident up now, the most important first. At most 16.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), transform = atomic)]
    pub blockers: Vec<Blocker>,

    /// The rungs of the ladder that were tried, in order. At most 32.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), transform = atomic)]
    pub rungs: Vec<Rung>,

    /// The phases so far, in order. At most 128; the oldest go first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128), transform = atomic)]
    pub phases: Vec<PhaseRecord>,

    /// How far the drain is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain: Option<DrainProgress>,

    /// The gate that is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateWait>,

    /// Since when, without a break, the node has shown all that it must show
    /// before it is uncordoned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub good_since: Option<Time>,

    /// How the incident will end once the node is uncordoned; absent while the
    /// next remedy follows instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ending: Option<Outcome>,

    /// What proves the outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,

    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,

    /// Blocked, Completed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), transform = map_by(&["type"]))]
    pub conditions: Vec<Condition>,
}

string_enum! {
    /// Where an incident stands.
    pub enum Phase = Pending {
        /// It waits for its turn; the blockers say for what.
        Pending,
        /// Kernel caches are being dropped.
        DroppingCaches,
        /// The trigger's signal is measured again.
        Verifying,
        /// The node is being made unschedulable.
        Cordoning,
        /// Pods are being evicted.
        Draining,
        /// The node was told to reboot.
        Rebooting,
        /// The node is back, and its boot ID and signals are checked.
        Proving,
        /// The node is cured and being watched.
        Soaking,
        /// The node is being made schedulable again.
        Uncordoning,
        /// The node is held for a human.
        Holding,
        /// Another remediator is at work.
        HandedOver,
        /// It ended; the outcome says how.
        Ended,
    }
}

string_enum! {
    /// How an incident ended.
    pub enum Outcome {
        /// The measurement that fired is good again, and stayed so.
        Fixed,
        /// Every allowed remedy was tried; the measurement is still bad.
        NotFixed,
        /// It was good and fired again during the soak.
        Recurred,
        /// A remedy could not be carried out or proven. The place in the budget is kept until the node is Ready with a new boot ID, is deleted, or is released by a human.
        Failed,
        /// The node is gone or was made again, or another actor took it over.
        Superseded,
        /// It was given up before the node was rebooted; the node is as it was.
        Aborted,
    }
}

/// What holds an incident up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Blocker {
    /// Why, in one word for programs.
    pub reason: BlockedReason,
    /// Why, and what would end it, in a sentence. At most 512 characters.
    #[schemars(length(min = 1, max = 512))]
    pub message: String,
    /// What it hangs on, as kind/namespace/name or kind/name. At most 512
    /// characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub object: Option<String>,
    /// Since when.
    pub since: Time,
}

/// A gate that is waited for, the first that is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GateWait {
    /// At which point.
    pub point: GatePoint,
    /// The gate's name, which is also the value of the Node's label
    /// unstall.dev/gate.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Since when the gates of this point are waited for.
    pub since: Time,
}

string_enum! {
    /// A point at which others may hold an incident up.
    pub enum GatePoint {
        /// The node is cordoned, and no pod was evicted yet.
        BeforeDrain,
        /// The node is drained, and the order to reboot was not given yet.
        BeforeReboot,
        /// The node has soaked, and is cordoned still.
        BeforeUncordon,
    }
}

/// One phase, with its times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhaseRecord {
    /// The phase.
    pub phase: Phase,
    /// When it began.
    pub started_at: Time,
    /// When it ended; absent while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// How it went, in a sentence. At most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub message: Option<String>,
}
