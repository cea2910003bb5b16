//! What the probe says of its node.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CommandStatus, Diagnosis, SignalStatus};
use crate::condition::Condition;
use crate::schema::{atomic, map_by, map_by_name};
use crate::string_enum::string_enum;
use crate::units::{KernelVersion, Reading};

/// What the probe says of its node. Written by that probe alone, when something
/// changes and at every report interval.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeHealthStatus {
    /// The generation of the spec that the probe judged by.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,

    /// The boot ID of the running kernel, as the probe itself reads it.
    #[serde(rename = "bootID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub boot_id: Option<String>,

    /// The kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Kernel>,

    /// The probe itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<ProbeInfo>,

    /// When the probe wrote this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Time>,

    /// What the node is like, by the probe's built-in levels. For people:
    /// triggers alone open incidents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,

    /// Since when the verdict has stood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict_since: Option<Time>,

    /// The verdict in a sentence. At most 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub summary: Option<String>,

    /// What the verdict rests on, the strongest first. At most 16.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), transform = atomic)]
    pub evidence: Vec<Evidence>,

    /// The same for programs: what kind of stall it is, and the numbers that show
    /// it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<Diagnosis>,

    /// The names of the triggers that fire, as policy/name, separated by commas;
    /// cut off at 256 characters. Absent when none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub firing: Option<String>,

    /// The state of each trigger of the spec.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), transform = map_by(&["policy", "name"]))]
    pub triggers: Vec<TriggerStatus>,

    /// What each signal measured last, in the signal's unit. A number that is not
    /// known is absent, never zero.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 11), transform = map_by_name)]
    pub signals: Vec<SignalStatus>,

    /// What became of the latest command. The actuator says it, the probe passes
    /// it on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandStatus>,

    /// Ready: the probe understood the spec and judges it. SignalsAvailable: this
    /// node gives every signal that is asked of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), transform = map_by(&["type"]))]
    pub conditions: Vec<Condition>,
}

/// The kernel of the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kernel {
    /// The running kernel.
    pub running: KernelVersion,
    /// The kernel that the next boot would run, as far as the host's file system
    /// shows it; absent when it cannot be told, which never counts as staged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staged: Option<KernelVersion>,
    /// Whether the distribution asks for a reboot; absent when it cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reboot_required: Option<bool>,
}

/// The probe and what it has to work with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProbeInfo {
    /// The probe's version. At most 64 characters.
    #[schemars(length(min = 1, max = 64))]
    pub version: String,
    /// The version of the memory cgroup hierarchy: 1 or 2; absent when none is
    /// mounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2))]
    pub cgroup_version: Option<u8>,
    /// Whether an actuator answers beside the probe.
    pub actuator: bool,
    /// Why none does, and the way out. At most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub actuator_message: Option<String>,
    /// Whether the actuator would reboot the node if it was ordered to. Looked at
    /// each minute; no node is drained for a reboot that would be refused.
    #[serde(default)]
    pub reboots: bool,
    /// Why it would not, and the way out. At most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub reboots_message: Option<String>,
}

string_enum! {
    /// What a node is like, by the probe's built-in levels.
    pub enum Verdict {
        /// Nothing is elevated.
        Healthy,
        /// Something is elevated that hurts nobody yet.
        Watch,
        /// Reads or packets are slow enough for workloads to notice.
        Degraded,
        /// The kernel stalls: CPUs are held up for 100 ms and more at a time.
        Stalled,
        /// The signals cannot be read, or too few samples can be trusted.
        Unknown,
    }
}

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// What kind of evidence it is.
    pub kind: EvidenceKind,
    /// The evidence in a sentence, such as: root memory.stat reads take 153 ms
    /// of CPU, 4,100 times those of a leaf. At most 512 characters.
    #[schemars(length(min = 1, max = 512))]
    pub message: String,
}

string_enum! {
    /// What kind of evidence it is.
    pub enum EvidenceKind {
        /// A measured signal.
        Measurement,
        /// The same measurement where it should be harmless, for comparison.
        Control,
        /// Who does what on which CPU, by which path in the kernel.
        Attribution,
        /// What peers saw of this node.
        Peers,
        /// What is known of the running kernel.
        Kernel,
        /// Why samples were not trusted.
        Distrust,
    }
}

/// The state of one trigger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TriggerStatus {
    /// The policy that defines it.
    #[schemars(length(min = 1, max = 253))]
    pub policy: String,
    /// The trigger's name in that policy.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// The hash of what was judged, from the spec.
    #[schemars(length(max = 16), regex(pattern = "^[0-9a-f]{16}$"))]
    pub signal_hash: String,
    /// Whether it fires.
    pub state: TriggerState,
    /// Since when it has been in this state.
    pub since: Time,
    /// The statistic that was compared with the thresholds; absent when it could
    /// not be taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Reading>,
    /// The same statistic of as many samples, all of them taken after the latest
    /// command ended: what proves its effect. Absent until there are enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_since_command: Option<Reading>,
    /// Why it is in this state, in a sentence. At most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub message: Option<String>,
}

string_enum! {
    /// Whether a trigger fires.
    pub enum TriggerState {
        /// It has been above its threshold for long enough, and has not cleared.
        Firing,
        /// It does not fire.
        Clear,
        /// It cannot be told: the signal cannot be read, or there are too few trusted samples.
        Unknown,
    }
}
