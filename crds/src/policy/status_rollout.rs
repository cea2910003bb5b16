//! The policy's status: roll-outs.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::set;
use crate::string_enum::string_enum;

/// How far a roll-out has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutProgress {
    /// The trigger that is the roll-out.
    #[schemars(length(max = 63))]
    pub trigger: String,
    /// What it rolls out, such as a kernel version. At most 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub target: Option<String>,
    /// Where it stands.
    pub stage: RolloutStage,
    /// Covered nodes.
    pub total: u32,
    /// Nodes that have it.
    pub done: u32,
    /// Nodes that are getting it.
    pub in_progress: u32,
    /// Nodes that cannot get it now, such as those where it is not staged.
    pub blocked: u32,
    /// Nodes on which it failed.
    pub failed: u32,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// Until when the canaries are watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baking_until: Option<Time>,
    /// When it will be done at the pace so far, windows counted in; absent
    /// before the first node is done and while it is halted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_completion: Option<Time>,
    /// When it halted; a resumption in the ledger counts for halts up to then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted_at: Option<Time>,
    /// The nodes because of which it halted, at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), inner(length(max = 253)), transform = set)]
    pub halted_by: Vec<String>,
    /// Why it halted or waits, in a sentence. At most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub message: Option<String>,
}

string_enum! {
    /// Where a roll-out stands.
    pub enum RolloutStage {
        /// The canaries are on.
        Canary,
        /// The canaries have it and are being watched.
        Baking,
        /// The rest follows.
        Rolling,
        /// It stopped and waits for a human.
        Halted,
        /// Every covered node has it.
        Complete,
    }
}
