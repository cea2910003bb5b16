//! What humans switch.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DisruptionLedgerStatus;
use crate::schema::{map_by, set};

/// What humans switch. Meant for now, not for Git.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[kube(
    group = "unstall.dev",
    version = "v1alpha1",
    kind = "DisruptionLedger",
    plural = "disruptionledgers",
    shortname = "dl",
    category = "unstall",
    status = "DisruptionLedgerStatus",
    derive = "PartialEq",
    doc = "The DisruptionLedger, of which there is one, named cluster, is what makes the budget of disruptions hold: the leading controller takes every slot by compare-and-swap on it. Its spec holds the switches for humans: pause, allow a storm, release, approve, resume. Deleting it loses nothing but running cool-downs, and no new disruption begins without it.",
    validation = Rule::new("self.metadata.name == 'cluster'").message("metadata.name: write cluster; there is one ledger for all policies"),
    printcolumn = r#"{"name":"Epoch","type":"integer","jsonPath":".status.epoch","description":"Rises with every change of the leader."}"#,
    printcolumn = r#"{"name":"Leader","type":"string","jsonPath":".status.leader","description":"The controller that leads."}"#,
    printcolumn = r#"{"name":"Slots","type":"integer","jsonPath":".status.slotsInUse","description":"Nodes that remedies are working on."}"#,
    printcolumn = r#"{"name":"Paused-Until","type":"string","jsonPath":".spec.pause.until","description":"Until when nothing new begins."}"#,
    printcolumn = r#"{"name":"Storm-Allowed-Until","type":"string","jsonPath":".spec.allowStorm.until","description":"Until when the breakers are ignored."}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".spec.pause.reason","priority":1,"description":"Why it is paused."}"#
)]
#[serde(rename_all = "camelCase", default)]
pub struct DisruptionLedgerSpec {
    /// Nothing new begins in the whole cluster until then. Incidents in flight
    /// go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Until>,

    /// The breakers of all policies are ignored until then, for when most of a
    /// fleet is truly sick. All other limits hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_storm: Option<Until>,

    /// Halted roll-outs that may go on. An entry counts for what failed at or before
    /// its haltedBefore, and stays. At most 64.
    #[schemars(length(max = 64), transform = map_by(&["policy", "trigger"]))]
    pub resume_rollouts: Vec<ResumedRollout>,

    /// Names of nodes whose slots are given back, although nothing is proven: a
    /// human looked after them. At most 256.
    #[schemars(length(max = 256), inner(length(min = 1, max = 253)), transform = set)]
    pub release: Vec<String>,

    /// Names of NodeRemediations whose next remedy a human approves. At most 256.
    #[schemars(length(max = 256), inner(length(min = 1, max = 253)), transform = set)]
    pub approve: Vec<String>,
}

/// A switch that goes back by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Until {
    /// Until when it counts, such as 2026-11-24T08:00:00Z. There is no "for
    /// ever": what is forgotten must end.
    pub until: Time,
    /// Why, for colleagues and the record. At most 256 characters.
    #[schemars(length(min = 1, max = 256))]
    pub reason: String,
}

/// A halted roll-out that may go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResumedRollout {
    /// The policy.
    #[schemars(length(min = 1, max = 253))]
    pub policy: String,
    /// The trigger that is the roll-out.
    #[schemars(length(min = 1, max = 63))]
    pub trigger: String,
    /// Halts up to this time are resumed; a later halt counts again.
    pub halted_before: Time,
}
