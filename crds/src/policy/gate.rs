//! Gates: points at which others may hold an incident up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::trigger::NodeConditionStatus;
use crate::schema::{duration_between, map_by_name, rule};
use crate::string_enum::string_enum;
use crate::units::GoDuration;

/// Points at which others may hold an incident up, as with hooks. While one
/// waits, the Node carries the label unstall.dev/gate with the gate's name, so
/// that a DaemonSet can run where its work is needed. All gates of a point must
/// be open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Gates {
    /// Before the first pod is evicted; the node is cordoned already. At most 8.
    #[schemars(length(max = 8), transform = map_by_name)]
    pub before_drain: Vec<Gate>,

    /// Before the order to reboot; the node is drained already. At most 8.
    #[schemars(length(max = 8), transform = map_by_name)]
    pub before_reboot: Vec<Gate>,

    /// Before the node is uncordoned; it was proven and has soaked already. At
    /// most 8.
    #[schemars(length(max = 8), transform = map_by_name)]
    pub before_uncordon: Vec<Gate>,
}

/// One gate. Exactly one of `condition` and `annotation` must be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule(
    "has(self.condition) != has(self.annotation)",
    "gates: write exactly one of condition and annotation in each gate",
))]
pub struct Gate {
    /// The gate's name: a lower-case DNS label, unique at its point. It becomes
    /// the value of the label unstall.dev/gate.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,

    /// Open while the Node has this condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<ConditionGate>,

    /// Open while the Node has this annotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotation: Option<AnnotationGate>,

    /// How long to wait for the gate. 1m to 72h, default 30m.
    #[serde(default = "default_timeout")]
    #[schemars(transform = duration_between("gates.timeout", "1m", "72h", "30m"))]
    pub timeout: GoDuration,

    /// What happens when the gate stays closed. Default Abort.
    #[serde(default)]
    pub on_timeout: GateTimeoutAction,
}

/// A condition of the Node that others set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConditionGate {
    /// The condition's type, exactly as it stands on the Node.
    #[serde(rename = "type")]
    #[schemars(
        length(min = 1, max = 316),
        regex(
            pattern = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
        )
    )]
    pub type_: String,

    /// The status that opens the gate, in quotes. Default "True".
    #[serde(default)]
    pub status: NodeConditionStatus,
}

/// An annotation of the Node that others set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnnotationGate {
    /// The annotation's key, such as storage.example.com/ready-for-reboot.
    #[schemars(
        length(min = 1, max = 317),
        regex(
            pattern = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
        )
    )]
    pub key: String,

    /// The value that opens the gate. Left out: the name of the incident (the
    /// NodeRemediation), so that an annotation left over from an earlier one
    /// opens nothing. At most 253 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub value: Option<String>,
}

string_enum! {
    /// What happens when a gate stays closed.
    pub enum GateTimeoutAction = Abort {
        /// Before the reboot the node is uncordoned and the incident is Aborted; after it the incident is Failed and afterFailure counts.
        Abort,
        /// The incident goes on as if the gate were open, and the record says so.
        Proceed,
    }
}

fn default_timeout() -> GoDuration {
    GoDuration::from_secs(1800)
}
