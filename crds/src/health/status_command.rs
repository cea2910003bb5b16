//! What became of a command.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::command::{CommandAction, DropLevel};
use crate::string_enum::string_enum;
use crate::units::Reading;

/// What became of the latest command. The actuator says it, the probe passes it
/// on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommandStatus {
    /// The command's id.
    #[schemars(length(min = 1, max = 128))]
    pub id: String,
    /// The epoch of the leader that ordered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub epoch: Option<i64>,
    /// What it orders; absent when the payload could not be understood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<CommandAction>,
    /// What became of it.
    pub state: CommandState,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<RefusalReason>,
    /// What happened, in a sentence. At most 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub message: Option<String>,
    /// The level that was written to drop_caches, never Auto.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<DropLevel>,
    /// How many times the caches were dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passes: Option<u32>,
    /// How many steps of memory.reclaim came before; where they were enough, no
    /// cache was dropped and level and passes are absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reclaim_steps: Option<u32>,
    /// Page cache and reclaimable slab that went by all of it, in bytes; absent
    /// when it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub freed_bytes: Option<i64>,
    /// The fingerprint of the public key that verified it: the first 16
    /// hexadecimal digits of its SHA-256.
    #[serde(default, rename = "keyID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), regex(pattern = "^[0-9a-f]{16}$"))]
    pub key_id: Option<String>,
    /// When the actuator accepted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// What the probe had measured when the actuator began; absent for a
    /// command that the probe did not see begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<CommandMeasurement>,
    /// What the probe measured after it had ended, once there are reads enough;
    /// it stays as it was then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<CommandMeasurement>,
}

/// What the probe measured before a command or after it. It proves no cure: for
/// that, triggers carry valueSinceCommand, by the statistic that fired.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CommandMeasurement {
    /// Zombie memory cgroups: the least of three trusted counts in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zombie_memcgs: Option<Reading>,
    /// CPU time of a root memory.stat read: the median of five trusted reads in a
    /// row, the last ones before the command or the first ones after it.
    #[serde(rename = "memoryStatReadCPU", skip_serializing_if = "Option::is_none")]
    pub memory_stat_read_cpu: Option<Reading>,
    /// When the last of this was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

string_enum! {
    /// What became of a command.
    pub enum CommandState {
        /// The actuator verified it, wrote it into its journal and is at it.
        Accepted,
        /// It was done. For a reboot: the boot ID is another one.
        Succeeded,
        /// It was tried and did not work.
        Failed,
        /// The actuator does not obey it; the reason says why.
        Refused,
        /// The actuator was ended in the middle; it is not repeated by itself.
        Interrupted,
    }
}

string_enum! {
    /// Why an actuator does not obey a command.
    pub enum RefusalReason {
        /// The payload is not a command.
        Malformed,
        /// No known public key verifies the signature.
        BadSignature,
        /// The actuator has no public key.
        NoKeys,
        /// It is for a node of another name.
        OtherNode,
        /// It is for a node with another UID.
        OtherNodeUID,
        /// It is for another boot of the node.
        OtherBoot,
        /// It is void by now.
        Expired,
        /// It is from the future, or valid for longer than any command may be.
        NotYetValid,
        /// A leader of a higher epoch has ordered since.
        StaleEpoch,
        /// It was obeyed already.
        Replayed,
        /// The actuator's own minimum interval is not over.
        TooSoon,
        /// The actuator's own daily cap is used up.
        DailyCap,
        /// Another command is at work.
        Busy,
        /// The journal cannot be written, without which nothing is done.
        JournalUnavailable,
        /// The verb is switched off, or the host does not offer what it needs.
        NotAvailable,
        /// Something on the host forbids a shutdown now.
        ShutdownInhibited,
    }
}
