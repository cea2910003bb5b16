//! What an incident is about.

use kube::CustomResource;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use super::NodeRemediationStatus;
use crate::policy::{AfterFailure, Drain, Gates, Remedy, Soak, Trigger};
use crate::schema::{map_by_name, rule, rule_at, set};
use crate::string_enum::string_enum;

/// What an incident is about. Nothing in it changes after creation, except that
/// the controller adds the policy to an incident that a user created.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "unstall.dev",
    version = "v1alpha1",
    kind = "NodeRemediation",
    plural = "noderemediations",
    shortname = "nr",
    category = "unstall",
    status = "NodeRemediationStatus",
    derive = "PartialEq",
    doc = "A NodeRemediation is one incident on one node, from its start to its end: why it was opened, what was tried, what held it up, and the proof. The controller opens it for a policy's trigger; a user may create one to have a node treated. It stays as the record of what was done.",
    printcolumn = r#"{"name":"Node","type":"string","jsonPath":".spec.nodeName","description":"The node."}"#,
    printcolumn = r#"{"name":"Trigger","type":"string","jsonPath":".spec.trigger","description":"The trigger that opened it; empty when a user did."}"#,
    printcolumn = r#"{"name":"Remedy","type":"string","jsonPath":".status.remedy","description":"The remedy that is, or was last, at work."}"#,
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase","description":"Where it stands."}"#,
    printcolumn = r#"{"name":"In-Phase","type":"date","jsonPath":".status.phaseSince","description":"For how long."}"#,
    printcolumn = r#"{"name":"Waiting-For","type":"string","jsonPath":".status.blockers[0].reason","description":"What holds it up."}"#,
    printcolumn = r#"{"name":"Outcome","type":"string","jsonPath":".status.outcome","description":"How it ended."}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Policy","type":"string","jsonPath":".spec.policyName","priority":1,"description":"The policy that supplies ladder and drain."}"#,
    printcolumn = r#"{"name":"Origin","type":"string","jsonPath":".spec.origin","priority":1,"description":"Policy or Manual."}"#,
    printcolumn = r#"{"name":"Before","type":"string","jsonPath":".status.proof.before.value","priority":1,"description":"The measurement that fired."}"#,
    printcolumn = r#"{"name":"After","type":"string","jsonPath":".status.proof.after.value","priority":1,"description":"The same measurement after the remedy."}"#,
    printcolumn = r#"{"name":"Why","type":"string","jsonPath":".status.blockers[0].message","priority":1,"description":"What holds it up, in a sentence."}"#,
    printcolumn = r#"{"name":"Message","type":"string","jsonPath":".status.message","priority":1,"description":"The state in a sentence."}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = spec_rules)]
pub struct NodeRemediationSpec {
    /// Who opened the incident. Default Manual: the controller writes Policy.
    #[serde(default)]
    pub origin: Origin,

    /// The node.
    #[schemars(length(min = 1, max = 253))]
    pub node_name: String,

    /// The node's UID, so that a node made again under the same name is not
    /// taken for it. With origin Manual it may be left out.
    #[serde(default, rename = "nodeUID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub node_uid: Option<String>,

    /// Why, in a sentence for the record; needed with origin Manual. At most 512
    /// characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub reason: Option<String>,

    /// The policy that supplies ladder and drain. With origin Manual it may be
    /// left out: the covering policy with the highest priority does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub policy_name: Option<String>,

    /// The trigger that opened the incident; needed with origin Policy, absent
    /// with Manual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub trigger: Option<String>,

    /// The remedies to try, by their names in the policy, in this order; needed
    /// with origin Manual. 1 to 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(min = 1, max = 63)), transform = set)]
    pub remedies: Vec<String>,

    /// An earlier incident on the node that this one continues: the trigger
    /// fired again after it had ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub recurrence_of: Option<String>,

    /// The policy as it was when the incident was opened; later changes of the
    /// policy do not reach it. Written by the controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicySnapshot>,
}

/// What an incident takes over from its policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicySnapshot {
    /// The policy's UID.
    #[schemars(length(min = 1, max = 64))]
    pub uid: String,
    /// The generation of the policy's spec.
    #[schemars(range(min = 0))]
    pub generation: i64,
    /// The trigger; absent with origin Manual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// The ladder, in order.
    #[schemars(length(min = 1, max = 8), transform = map_by_name)]
    pub remedies: Vec<Remedy>,
    /// How the node is emptied.
    pub drain: Drain,
    /// Where others may hold it up.
    pub gates: Gates,
    /// What the node must show before it is uncordoned.
    pub soak: Soak,
    /// What becomes of the node when the remedy fails.
    pub after_failure: AfterFailure,
}

string_enum! {
    /// Who opened an incident.
    pub enum Origin = Manual {
        /// The controller, because a trigger of a policy fired.
        Policy,
        /// A user, for the reason given.
        Manual,
    }
}

/// The fields of the spec that never change. The origin cannot either: each
/// needs, or forbids, a trigger.
const IMMUTABLE: [&str; 7] = [
    "nodeName",
    "nodeUID",
    "reason",
    "policyName",
    "trigger",
    "remedies",
    "recurrenceOf",
];

fn spec_rules(schema: &mut Schema) {
    rule_at(
        ".reason",
        "self.origin != 'Manual' || has(self.reason)",
        "spec.reason: write why the node is to be treated; the record needs it",
    )(schema);
    rule_at(
        ".remedies",
        "self.origin != 'Manual' || (has(self.remedies) && self.remedies.size() > 0)",
        "spec.remedies: write the names of the policy's remedies to try, such as [reboot]",
    )(schema);
    rule_at(
        ".trigger",
        "self.origin != 'Manual' || !has(self.trigger)",
        "spec.trigger: remove it; only the controller opens incidents for a trigger",
    )(schema);
    rule(
        "self.origin != 'Policy' || (has(self.trigger) && has(self.policyName) && has(self.nodeUID) && has(self.policy))",
        "spec: with origin Policy write policyName, trigger, nodeUID and policy; to treat a node by hand write origin: Manual",
    )(schema);
    for field in IMMUTABLE {
        rule_at(
            &format!(".{field}"),
            &format!(
                "has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
            ),
            &format!(
                "spec.{field}: leave it as it is, an incident never changes; create another NodeRemediation"
            ),
        )(schema);
    }
    rule_at(
        ".policy",
        "!has(oldSelf.policy) || (has(self.policy) && self.policy == oldSelf.policy)",
        "spec.policy: leave it as it is; the incident keeps the policy it was opened with",
    )(schema);
}
