//! What the controller tells one node's probe.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::NodeHealthStatus;
use crate::command::SignedCommand;
use crate::policy::{KernelGate, Signal};
use crate::schema::{duration_between, map_by, map_by_name, rule, set};
use crate::signal::SignalName;
use crate::units::GoDuration;

/// What the controller tells the probe of this node. Made and written by the
/// controller, one object for every node.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "unstall.dev",
    version = "v1alpha1",
    kind = "NodeHealth",
    plural = "nodehealths",
    shortname = "nh",
    category = "unstall",
    status = "NodeHealthStatus",
    derive = "PartialEq",
    doc = "A NodeHealth holds what one node's probe is to judge (spec, written by the controller) and what it saw (status, written by the probe of that node alone). It has the name of its node, belongs to it and goes with it.",
    printcolumn = r#"{"name":"Verdict","type":"string","jsonPath":".status.verdict","description":"Healthy, Watch, Degraded, Stalled or Unknown."}"#,
    printcolumn = r#"{"name":"Since","type":"date","jsonPath":".status.verdictSince","description":"How long the verdict has stood."}"#,
    printcolumn = r#"{"name":"Firing","type":"string","jsonPath":".status.firing","description":"Triggers that fire."}"#,
    printcolumn = r#"{"name":"Read-P50","type":"string","jsonPath":".status.signals[?(@.name==\"MemoryStatReadCPU\")].p50","description":"Median CPU time of a root memory.stat read."}"#,
    printcolumn = r#"{"name":"Zombies","type":"string","jsonPath":".status.signals[?(@.name==\"ZombieMemcgs\")].last","description":"Zombie memory cgroups."}"#,
    printcolumn = r#"{"name":"Command","type":"string","jsonPath":".status.command.state","description":"What became of the latest command."}"#,
    printcolumn = r#"{"name":"Kernel","type":"string","jsonPath":".status.kernel.running","description":"The running kernel."}"#,
    printcolumn = r#"{"name":"Heard","type":"date","jsonPath":".status.heartbeat","description":"When the probe last reported."}"#,
    printcolumn = r#"{"name":"Read-Max","type":"string","jsonPath":".status.signals[?(@.name==\"MemoryStatReadCPU\")].max","priority":1,"description":"Longest CPU time of a root memory.stat read."}"#,
    printcolumn = r#"{"name":"Network-Stall","type":"string","jsonPath":".status.signals[?(@.name==\"NetworkStall\")].max","priority":1,"description":"Longest stall that peers saw."}"#,
    printcolumn = r#"{"name":"Staged","type":"string","jsonPath":".status.kernel.staged","priority":1,"description":"The kernel that the next boot would run."}"#,
    printcolumn = r#"{"name":"Summary","type":"string","jsonPath":".status.summary","priority":1,"description":"The verdict in a sentence."}"#
)]
#[serde(rename_all = "camelCase")]
pub struct NodeHealthSpec {
    /// The UID of the node. A node that is made again under the same name is
    /// another node and gets a new object; this never changes.
    #[serde(rename = "nodeUID")]
    #[schemars(length(min = 1, max = 64), transform = rule(
        "self == oldSelf",
        "spec.nodeUID: leave it as it is; delete this object, and the controller makes one for the new node",
    ))]
    pub node_uid: String,

    /// What the probe judges: the signal triggers of every policy that covers
    /// the node. At most 64.
    #[serde(default)]
    #[schemars(length(max = 64), transform = map_by(&["policy", "name"]))]
    pub triggers: Vec<HealthTrigger>,

    /// How often the probe reports when nothing changes; three missed reports
    /// make it silent. The controller writes 5m, and 30s while an incident is
    /// open. 10s to 1h, default 5m.
    #[serde(default = "default_report_interval")]
    #[schemars(transform = duration_between("spec.reportInterval", "10s", "1h", "5m"))]
    pub report_interval: GoDuration,

    /// The nodes that the probe sends packets to, so that stalls of each are
    /// seen by several. At most 8.
    #[serde(default)]
    #[schemars(length(max = 8), transform = map_by_name)]
    pub peers: Vec<Peer>,

    /// What the actuator of the node is to do: at most one command at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<SignedCommand>,
}

/// A trigger that the probe judges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthTrigger {
    /// The policy that defines it.
    #[schemars(length(min = 1, max = 253))]
    pub policy: String,

    /// The trigger's name in that policy.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,

    /// A hash of what is judged, which the probe repeats in its status: a state
    /// under another hash is that of an older trigger and counts as Unknown. 16
    /// hexadecimal digits.
    #[schemars(length(max = 16), regex(pattern = "^[0-9a-f]{16}$"))]
    pub signal_hash: String,

    /// The signal and its thresholds.
    pub signal: Signal,

    /// Signals of which at least one must be elevated for the trigger to fire.
    #[serde(default)]
    #[schemars(length(max = 8), transform = set)]
    pub corroborated_by: Vec<SignalName>,

    /// The kernels on which the trigger counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_on_kernel: Option<KernelGate>,
}

/// A node to send packets to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Peer {
    /// The node's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// The IP address of its probe.
    #[schemars(length(max = 45), regex(pattern = "^[0-9a-fA-F:.]{2,45}$"))]
    pub address: String,

    /// The UDP port on which its probe answers. 1 to 65535.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
}

fn default_report_interval() -> GoDuration {
    GoDuration::from_secs(300)
}
