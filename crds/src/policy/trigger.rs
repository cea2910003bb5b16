//! Triggers: what makes a node sick, or due for a new kernel.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{KernelGate, Signal};
use crate::schema::{duration_between, rule, rule_at, set};
use crate::signal::SignalName;
use crate::string_enum::string_enum;
use crate::units::{GoDuration, KernelVersion};

/// One reason to act on a node. Exactly one of `signal`, `condition`, `kernel`
/// and `rebootRequired` must be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    transform = rule(
        "[has(self.signal), has(self.condition), has(self.kernel), has(self.rebootRequired)].filter(x, x).size() == 1",
        "triggers: write exactly one of signal, condition, kernel and rebootRequired in each trigger",
    ),
    transform = rule_at(
        ".corroboratedBy",
        "!has(self.corroboratedBy) || self.corroboratedBy.size() == 0 || has(self.signal)",
        "triggers.corroboratedBy: remove it, or write a signal in this trigger; only a signal can be corroborated",
    ),
    transform = rule_at(
        ".corroboratedBy",
        "!has(self.corroboratedBy) || !has(self.signal) || !(self.signal.name in self.corroboratedBy)",
        "triggers.corroboratedBy: write other signals than signal.name; a signal cannot corroborate itself",
    ),
    transform = rule_at(
        ".onlyOnKernel",
        "!has(self.onlyOnKernel) || has(self.signal) || has(self.condition)",
        "triggers.onlyOnKernel: remove it, or write a signal or condition in this trigger; a roll-out says its kernel in kernel.atLeast",
    ),
)]
pub struct Trigger {
    /// The trigger's name: a lower-case DNS label, unique in the policy.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,

    /// Fires when the node's own probe measures too much: above one threshold for
    /// long enough, until it falls below another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,

    /// Fires on a condition of the Node, whoever sets it: the kubelet,
    /// node-problem-detector or anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<ConditionTrigger>,

    /// A kernel roll-out: fires while the running kernel is older than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<KernelTrigger>,

    /// Fires while the node's distribution itself asks for a reboot by
    /// /run/reboot-required, as Debian's and Ubuntu's do, or by a file of your
    /// own (the chart's probe.hostState.rebootSentinel). Takes no settings:
    /// write `rebootRequired: {}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reboot_required: Option<RebootRequired>,

    /// Signals of which at least one must be elevated, by the probe's built-in
    /// levels, for the signal above to fire; they tell a stall that hurts from
    /// one that nobody notices. Default none needed; at most 8.
    #[serde(default)]
    #[schemars(length(max = 8), transform = set)]
    pub corroborated_by: Vec<SignalName>,

    /// Counts the trigger only on nodes that run such a kernel. Prefer
    /// measurement to versions: distributions backport both faults and cures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_on_kernel: Option<KernelGate>,

    /// The ladder: names from spec.remedies, tried in this order until the
    /// trigger clears. Empty, the default, only reports. At most 8.
    #[serde(default)]
    #[schemars(length(max = 8), inner(length(min = 1, max = 63)), transform = set)]
    pub remedies: Vec<String>,
}

/// A condition of the Node that has lasted for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConditionTrigger {
    /// The condition's type, exactly as it stands on the Node, such as
    /// ReadonlyFilesystem, Ready or example.com/DiskIsSlow.
    #[serde(rename = "type")]
    #[schemars(
        length(min = 1, max = 316),
        regex(
            pattern = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
        )
    )]
    pub type_: String,

    /// The status that fires, in quotes. Default "True".
    #[serde(default)]
    pub status: NodeConditionStatus,

    /// For how long the condition must have had this status, without a break.
    /// 1s to 24h, default 10m.
    #[serde(default = "default_condition_for")]
    #[schemars(transform = duration_between("condition.for", "1s", "24h", "10m"))]
    pub r#for: GoDuration,
}

string_enum! {
    /// The status of a Node's condition that fires a trigger.
    pub enum NodeConditionStatus = True {
        /// The condition holds.
        True,
        /// It does not hold, as with Ready on a sick node.
        False,
        /// Its reporter does not know, or has not been heard of.
        Unknown,
    }
}

/// A kernel that the fleet should run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KernelTrigger {
    /// The oldest kernel that is good enough, compared by its numbers from left
    /// to right, such as "6.1.0-40". Quote it: unquoted, YAML reads 5.10 as 5.1.
    #[schemars(transform = KernelVersion::numbers_only("kernel.atLeast"))]
    pub at_least: KernelVersion,

    /// Reboot a node only when its probe sees such a kernel installed and ready
    /// to boot; otherwise the node is blocked and the status says why. Default
    /// true.
    #[serde(default = "default_require_staged")]
    pub require_staged: bool,
}

/// The distribution's own sentinel. Has no settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RebootRequired {}

impl Trigger {
    /// Whether this is a roll-out: a reason to renew a node that is not sick.
    /// Roll-outs never count towards the breaker.
    #[must_use]
    pub const fn is_rollout(&self) -> bool {
        self.kernel.is_some() || self.reboot_required.is_some()
    }
}

fn default_condition_for() -> GoDuration {
    GoDuration::from_secs(600)
}

fn default_require_staged() -> bool {
    true
}
