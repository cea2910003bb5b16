//! The policy's spec, and the rules that join its parts.

use kube::CustomResource;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use super::{
    AfterFailure, Disruption, Drain, Gates, NodeHealthPolicyStatus, Remedy, Rollout, Soak, Trigger,
};
use crate::schema::{map_by_name, rule_at};
use crate::selector::LabelSelector;
use crate::string_enum::string_enum;

/// What counts as sick, what may be done about it, and how much at once.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "unstall.dev",
    version = "v1alpha1",
    kind = "NodeHealthPolicy",
    plural = "nodehealthpolicies",
    shortname = "nhp",
    category = "unstall",
    status = "NodeHealthPolicyStatus",
    derive = "PartialEq",
    doc = "A NodeHealthPolicy says which nodes are watched, what counts as sick, what may be done about it, and how many nodes may be disrupted at once. It only observes and forecasts until spec.mode is Enforce.",
    printcolumn = r#"{"name":"Mode","type":"string","jsonPath":".spec.mode","description":"Observe forecasts only, Enforce acts."}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status","description":"Whether the policy is valid and was evaluated."}"#,
    printcolumn = r#"{"name":"Nodes","type":"integer","jsonPath":".status.nodes.covered","description":"Nodes that the selector covers."}"#,
    printcolumn = r#"{"name":"Healthy","type":"integer","jsonPath":".status.nodes.healthy","description":"Covered nodes that are Ready and heard of, with every trigger clear."}"#,
    printcolumn = r#"{"name":"Sick","type":"integer","jsonPath":".status.nodes.sick","description":"Covered nodes with a signal or condition trigger firing."}"#,
    printcolumn = r#"{"name":"Silent","type":"integer","jsonPath":".status.nodes.silent","description":"Covered nodes whose probe is not heard of."}"#,
    printcolumn = r#"{"name":"Repairing","type":"integer","jsonPath":".status.nodes.inRemediation","description":"Covered nodes that a remedy is working on."}"#,
    printcolumn = r#"{"name":"Breaker","type":"string","jsonPath":".status.breaker.state","description":"Open when so many nodes look sick that none is touched."}"#,
    printcolumn = r#"{"name":"Status","type":"string","jsonPath":".status.summary","description":"What is being done, or why not."}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Suspended","type":"boolean","jsonPath":".spec.suspend","priority":1,"description":"Whether new disruptions are stopped."}"#,
    printcolumn = r#"{"name":"Unavailable","type":"integer","jsonPath":".status.budget.unavailable","priority":1,"description":"Covered nodes that are unavailable, whoever made them so."}"#,
    printcolumn = r#"{"name":"Max","type":"integer","jsonPath":".status.budget.maxUnavailable","priority":1,"description":"Nodes that may be unavailable at once."}"#,
    printcolumn = r#"{"name":"Next-Window","type":"string","jsonPath":".status.window.nextOpening","priority":1,"description":"When a window opens next."}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = ladder_rules)]
pub struct NodeHealthPolicySpec {
    /// Whether the policy acts. Default Observe.
    #[serde(default)]
    pub mode: Mode,

    /// Stops new disruptions; incidents in flight end in a defined state.
    /// Measuring and forecasting go on. Default false.
    #[serde(default)]
    pub suspend: bool,

    /// Which policy counts when several cover a node. The triggers of all open
    /// incidents and the limits of all hold, but the ladder and the drain come
    /// from the policy with the highest priority, then from the oldest. -1000 to
    /// 1000, default 0.
    #[serde(default)]
    #[schemars(range(min = -1000, max = 1000))]
    pub priority: i32,

    /// Which nodes the policy covers, by their labels. Must hold at least one
    /// requirement; for every Linux node write
    /// `matchLabels: {kubernetes.io/os: linux}`.
    #[schemars(transform = LabelSelector::not_empty("spec.nodeSelector"))]
    pub node_selector: LabelSelector,

    /// What makes a node sick, or due for a new kernel. Any one of them opens an
    /// incident; a node has at most one incident at a time. 1 to 16.
    #[schemars(length(min = 1, max = 16), transform = map_by_name)]
    pub triggers: Vec<Trigger>,

    /// What may be done to a node, by name. Triggers name remedies in the order
    /// in which they are tried. At most 8; none, the default, only reports.
    #[serde(default)]
    #[schemars(length(max = 8), transform = map_by_name)]
    pub remedies: Vec<Remedy>,

    /// How a node is emptied before a reboot. Names and defaults are those of
    /// `kubectl drain`; DaemonSet and static pods always stay,
    /// PodDisruptionBudgets are always respected by Evict, and a pod is never
    /// deleted without its grace period.
    #[serde(default)]
    pub drain: Drain,

    /// Points at which others may hold an incident up, as with hooks. While one
    /// waits, the Node carries the label unstall.dev/gate with the gate's name, so
    /// that a DaemonSet can run where its work is needed. All gates of a point
    /// must be open. Default none.
    #[serde(default)]
    pub gates: Gates,

    /// How much at once, and when. Every policy that covers a node limits it,
    /// whichever policy supplies the remedy.
    #[serde(default)]
    pub disruption: Disruption,

    /// How roll-outs (the triggers kernel and rebootRequired) go through the
    /// fleet: canaries first, then the rest within spec.disruption. The first node
    /// that fails halts the roll-out until a human resumes it in the ledger.
    #[serde(default)]
    pub rollout: Rollout,

    /// What a node must show after its reboot before it is uncordoned: Ready,
    /// displaced pods placed, signals good.
    #[serde(default)]
    pub soak: Soak,

    /// What becomes of a node whose remedy failed. Default KeepCordoned.
    #[serde(default)]
    pub after_failure: AfterFailure,
}

string_enum! {
    /// Whether a policy acts.
    pub enum Mode = Observe {
        /// Nothing is changed. The status forecasts what would be done, when, and what would forbid it.
        Observe,
        /// Remedies are carried out within all limits.
        Enforce,
    }
}

fn ladder_rules(schema: &mut Schema) {
    rule_at(
        ".triggers",
        "self.triggers.all(t, !has(t.remedies) || t.remedies.all(r, \
         has(self.remedies) && self.remedies.exists(x, x.name == r)))",
        "spec.triggers.remedies: write names that spec.remedies defines",
    )(schema);
    rule_at(
        ".triggers",
        "self.triggers.all(t, !(has(t.kernel) || has(t.rebootRequired)) || !has(t.remedies) || t.remedies.all(r, \
         !has(self.remedies) || !self.remedies.exists(x, x.name == r && has(x.dropCaches))))",
        "spec.triggers.remedies: write remedies that reboot, cordon or hand over for kernel and rebootRequired; dropping caches renews no kernel",
    )(schema);
}

impl NodeHealthPolicySpec {
    /// The ladder of a trigger: its remedies in order. A name that is not
    /// defined, which the schema refuses, is left out.
    pub fn ladder<'a>(&'a self, trigger: &'a Trigger) -> impl Iterator<Item = &'a Remedy> {
        let named = |name: &String| self.remedies.iter().find(|r| &r.name == name);
        trigger.remedies.iter().filter_map(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_policy_needs_little_and_observes() {
        let spec: NodeHealthPolicySpec = serde_json::from_value(json!({
            "nodeSelector": {"matchLabels": {"kubernetes.io/os": "linux"}},
            "triggers": [{"name": "not-ready", "condition": {"type": "Ready", "status": "False"}}],
        }))
        .unwrap();
        assert_eq!(spec.mode, Mode::Observe);
        assert!(spec.triggers[0].remedies.is_empty());
        assert_eq!(spec.drain, Drain::default());
        assert!(!spec.drain.delete_empty_dir_data && !spec.drain.force);
    }

    #[test]
    fn the_ladder_follows_the_trigger_not_the_list() {
        let spec: NodeHealthPolicySpec = serde_json::from_value(json!({
            "nodeSelector": {"matchLabels": {"a": "b"}},
            "triggers": [{"name": "t", "condition": {"type": "X"}, "remedies": ["reboot", "drop", "gone"]}],
            "remedies": [{"name": "drop", "dropCaches": {}}, {"name": "reboot", "reboot": {}}],
        }))
        .unwrap();
        let names: Vec<_> = spec
            .ladder(&spec.triggers[0])
            .map(|r| r.name.as_str())
            .collect();
        assert_eq!(names, ["reboot", "drop"]);
    }
}
