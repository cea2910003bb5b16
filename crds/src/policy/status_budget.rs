//! The policy's status: budget and windows.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{atomic, map_by};
use crate::string_enum::string_enum;

/// The budget of the policy as numbers of nodes, and who uses it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Budget {
    /// How many covered nodes may be unavailable at once, percentages resolved.
    pub max_unavailable: u32,
    /// How many are.
    pub unavailable: u32,
    /// How many more may become so.
    pub available: u32,
    /// Who uses the budget. At most 32 of them are listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), transform = atomic)]
    pub users: Vec<BudgetUser>,
    /// The budget of remedies that take no node away.
    pub in_place: InPlaceBudget,
    /// The groups of perTopology that are in use. At most 64 of them are listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), transform = map_by(&["key", "value"]))]
    pub topologies: Vec<TopologyUse>,
}

/// A node that uses the budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BudgetUser {
    /// The node.
    #[schemars(length(max = 253))]
    pub node: String,
    /// How it uses the budget.
    pub r#use: BudgetUse,
    /// Our incident on it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub remediation: Option<String>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}

string_enum! {
    /// How a node uses the budget.
    pub enum BudgetUse {
        /// It is not Ready.
        NotReady,
        /// Someone else made it unschedulable.
        Unschedulable,
        /// It holds a slot in the ledger for one of our remedies.
        Slot,
    }
}

/// The budget of remedies that take no node away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InPlaceBudget {
    /// How many nodes may be cured in place at once, percentages resolved.
    pub max: u32,
    /// How many are being cured in place.
    pub used: u32,
}

/// One group of nodes with a limit of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopologyUse {
    /// The label that tells the groups apart.
    #[schemars(length(max = 317))]
    pub key: String,
    /// The label's value; empty for nodes without the label.
    #[schemars(length(max = 63))]
    pub value: String,
    /// How many nodes of the group may be unavailable at once, percentages
    /// resolved.
    pub max_unavailable: u32,
    /// How many are.
    pub unavailable: u32,
}

/// Whether disruptions may begin now, by the clock alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WindowStatus {
    /// Whether they may.
    pub open: bool,
    /// When the open window closes; absent when none closes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes: Option<Time>,
    /// When a window opens next; absent when one is open for ever, or when none
    /// opens within a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_opening: Option<Time>,
    /// The reason of the exclusion that is on. At most 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub excluded: Option<String>,
}
