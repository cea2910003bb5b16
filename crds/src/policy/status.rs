//! The policy's status: the fleet as this policy sees it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Budget, RemedyKind, RolloutProgress, WindowStatus};
use crate::condition::{BlockedReason, Condition};
use crate::schema::{atomic, map_by, set};
use crate::signal::SignalName;
use crate::string_enum::string_enum;

/// The fleet as this policy sees it, what is being done, and what is not and
/// why. Written by the controller when it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeHealthPolicyStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,

    /// One sentence: what is being done, or why not. At most 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub summary: Option<String>,

    /// How many nodes are in which state. A node is healthy, sick, silent or
    /// without probe; the other counts go across.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<NodeCounts>,

    /// Why sick or due nodes are not treated, by reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), transform = map_by(&["reason"]))]
    pub blocked: Vec<BlockedNodes>,

    /// The budget, and who uses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,

    /// Whether disruptions may begin now, and when next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowStatus>,

    /// The breaker against storms: when many nodes look sick at once, the reason
    /// is rarely the nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<Breaker>,

    /// The roll-outs, one for each trigger kernel or rebootRequired.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), transform = map_by(&["trigger"]))]
    pub rollouts: Vec<RolloutProgress>,

    /// With mode Observe: what would be done next, in this order. At most 32 of
    /// them are listed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), transform = atomic)]
    pub forecast: Vec<Forecast>,

    /// Signals that this policy needs and that some covered nodes cannot give: such
    /// a node is blind for the triggers concerned, and counts as neither healthy
    /// nor sick by them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 11), transform = map_by(&["name"]))]
    pub unavailable_signals: Vec<UnavailableSignal>,

    /// Ready, Reconciling, SignalsAvailable, BreakerOpen, RolloutHalted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), transform = map_by(&["type"]))]
    pub conditions: Vec<Condition>,
}

/// How many of the covered nodes are in which state. A node is healthy, sick,
/// silent or without probe, or none of these: not Ready, or with a trigger of
/// which nothing is known. The other counts go across.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeCounts {
    /// Nodes that the selector covers.
    pub covered: u32,
    /// Ready nodes that are heard of, with every signal and condition trigger
    /// clear.
    pub healthy: u32,
    /// Nodes with a signal or condition trigger firing.
    pub sick: u32,
    /// Nodes whose probe missed three reports. Never counted as healthy.
    pub silent: u32,
    /// Nodes that never had a probe.
    pub without_probe: u32,
    /// Nodes that a remedy is working on.
    pub in_remediation: u32,
    /// Nodes that are sick or due and are not treated; see blocked.
    pub blocked: u32,
}

/// Nodes that are not treated, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlockedNodes {
    /// Why.
    pub reason: BlockedReason,
    /// How many nodes.
    pub count: u32,
    /// Some of them, at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), inner(length(max = 253)), transform = set)]
    pub nodes: Vec<String>,
    /// What would end it, in a sentence. At most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub message: Option<String>,
}

/// The breaker against storms: when many nodes look sick at once, the reason is
/// rarely the nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Breaker {
    /// Whether new disruptions are held back.
    pub state: BreakerState,
    /// Covered nodes that are unhealthy: a signal or condition trigger fires,
    /// not Ready, or silent.
    pub unhealthy: u32,
    /// The most unhealthy nodes with which the breaker stays closed.
    pub limit: u32,
    /// Since when it has been in this state.
    pub since: Time,
    /// Until when a human allowed action in spite of the storm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm_allowed_until: Option<Time>,
}

string_enum! {
    /// The state of the breaker.
    pub enum BreakerState = Closed {
        /// Few enough nodes are unhealthy: disruptions may begin.
        Closed,
        /// Too many nodes are unhealthy: nothing new begins.
        Open,
    }
}

/// What would be done to a node in mode Enforce.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// The node.
    #[schemars(length(max = 253))]
    pub node: String,
    /// The trigger that fires.
    #[schemars(length(max = 63))]
    pub trigger: String,
    /// The remedy that would be used.
    #[schemars(length(max = 63))]
    pub remedy: String,
    /// What that remedy does.
    pub action: RemedyKind,
    /// The earliest time at which it could begin; absent when something forbids
    /// it that has no known end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// What would forbid it now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), transform = set)]
    pub blocked_by: Vec<BlockedReason>,
    /// The same in a sentence. At most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub message: Option<String>,
}

/// A signal that some covered nodes cannot read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnavailableSignal {
    /// The signal.
    pub name: SignalName,
    /// On how many nodes.
    pub count: u32,
    /// Some of them, at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), inner(length(max = 253)), transform = set)]
    pub nodes: Vec<String>,
    /// Why, in the words of one of the probes. At most 256 characters.
    #[schemars(length(max = 256))]
    pub message: String,
}
