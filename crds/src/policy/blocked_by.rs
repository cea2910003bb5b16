//! What forbids new disruptions: pods on the node, firing alerts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{atomic, map_by_name, set};
use crate::selector::LabelSelector;
use crate::string_enum::string_enum;

/// What forbids a new disruption while it lasts. Work in flight goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BlockedBy {
    /// Pods that forbid to touch the node on which they run, while they are
    /// Pending or Running. At most 16.
    #[schemars(length(max = 16), transform = map_by_name)]
    pub pods: Vec<BlockingPods>,

    /// Prometheus alerts that forbid to touch any node of the policy while they
    /// fire. Where Prometheus is, and how to log in there, is configured in the
    /// chart: a policy cannot make the controller talk to another address. While
    /// Prometheus does not answer, no alert can be ruled out, and nothing new
    /// begins.
    pub alerts: BlockingAlerts,
}

/// Pods that forbid to touch the node on which they run, while they are Pending
/// or Running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlockingPods {
    /// A name for reports: a lower-case DNS label, unique in the list.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,

    /// Which pods, by their labels.
    #[schemars(transform = LabelSelector::not_empty("blockedBy.pods.podSelector"))]
    pub pod_selector: LabelSelector,

    /// Only pods in these namespaces. Left out: in all of them. 1 to 32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 63)), transform = set)]
    pub namespaces: Option<Vec<String>>,
}

/// Alerts that forbid new disruptions while they fire. Where Prometheus is, and
/// how to log in there, is configured in the chart: a policy cannot make the
/// controller talk to another address. While Prometheus does not answer, no
/// alert can be ruled out, and nothing new begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BlockingAlerts {
    /// An alert forbids when it fires and all matchers of one of these rules
    /// match its labels. Empty, the default: no alert forbids. At most 16.
    #[schemars(length(max = 16), transform = map_by_name)]
    pub firing: Vec<AlertRule>,
}

/// A set of alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertRule {
    /// A name for reports: a lower-case DNS label, unique in the list.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,

    /// What the alert's labels must be, all of it. To mean every alert, except
    /// the Watchdog that always fires, write label alertname, operator NotEqual,
    /// value Watchdog. 1 to 8.
    #[schemars(length(min = 1, max = 8), transform = atomic)]
    pub matchers: Vec<AlertMatcher>,
}

/// What one label of an alert must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertMatcher {
    /// The label, such as alertname or severity.
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = "^[a-zA-Z_][a-zA-Z0-9_]*$")
    )]
    pub label: String,

    /// How it is compared with the value. Default Equal.
    #[serde(default)]
    pub operator: MatchOperator,

    /// The value, or the regular expression, which must match all of the label.
    /// At most 256 characters.
    #[schemars(length(max = 256))]
    pub value: String,
}

string_enum! {
    /// How a label of an alert is compared, as in PromQL.
    pub enum MatchOperator = Equal {
        /// The label is the value (`=`).
        Equal,
        /// The label is not the value (`!=`).
        NotEqual,
        /// The regular expression matches the whole label (`=~`).
        Matches,
        /// The regular expression does not match the whole label (`!~`).
        NotMatches,
    }
}
