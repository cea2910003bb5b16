//! What became of a command: the same words on the wire, in the journal and in the node's status.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{Deserialize, Serialize};
use unstall_crds::command::{CommandAction, CommandPayload};
use unstall_crds::health::{CommandState, CommandStatus, RefusalReason};

use super::passes::Caches;
use super::reclaim::Reclaimed;

/// The longest id and message that the node's status can hold, in bytes.
const MAX_STATUS_ID: usize = 128;
const MAX_STATUS_MESSAGE: usize = 512;

/// One write to `drop_caches`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pass {
    /// What was written.
    pub level: Caches,
    /// Memory cgroups, live and dead, before; absent when this kernel does not show them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroups_before: Option<u64>,
    /// The same once the count had settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroups_after: Option<u64>,
    /// Page cache and reclaimable slab that went, in bytes; absent when it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freed_bytes: Option<u64>,
    /// How long the file systems were synced before, in milliseconds.
    pub sync_milliseconds: u64,
    /// Whether that sync ended by itself; dirty pages survive a drop.
    pub synced: bool,
    /// How long the kernel took to drop, in milliseconds.
    pub drop_milliseconds: u64,
}

/// The end of a command that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ending {
    /// `Succeeded`, `Failed` or `Interrupted`.
    pub state: CommandState,
    /// One sentence with the numbers.
    pub message: String,
    /// Each pass that was completed, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<Pass>,
    /// What `memory.reclaim` did before them; absent where it did nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reclaimed: Option<Reclaimed>,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// What the actuator answers about one command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandOutcome {
    /// The command. When refused, this and the next two are what the payload claims, whoever made
    /// it; empty where it claims no id.
    pub id: String,
    /// The epoch of the leader that ordered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
    /// What it orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<CommandAction>,
    /// The first digits of the key that signed it; absent when refused.
    #[serde(default, rename = "keyID", skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Where it stands.
    pub state: CommandState,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<RefusalReason>,
    /// One sentence with the numbers.
    pub message: String,
    /// Each completed pass, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<Pass>,
    /// What `memory.reclaim` did before them; absent where it did nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reclaimed: Option<Reclaimed>,
    /// When it was begun; absent when refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended; absent while it is carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Whether this answer comes from the journal because the id is known: nothing was done.
    #[serde(default)]
    pub repeated: bool,
}

impl CommandOutcome {
    /// The outcome as the node's status shows it, within that schema's bounds.
    ///
    /// `before` and `after` stay empty: what the actuator counts are memory cgroups, live and dead
    /// together, and it cannot read the root's `memory.stat`. The probe measures both by itself.
    #[must_use]
    pub fn into_status(self) -> CommandStatus {
        let freed_bytes = self.freed_bytes();
        let id = if self.id.is_empty() {
            "-".to_owned()
        } else {
            cut(self.id, MAX_STATUS_ID)
        };
        CommandStatus {
            id,
            epoch: self.epoch,
            action: self.action,
            state: self.state,
            reason: self.reason,
            message: Some(cut(self.message, MAX_STATUS_MESSAGE)),
            level: self.passes.last().map(|pass| pass.level.into()),
            passes: u32::try_from(self.passes.len())
                .ok()
                .filter(|count| *count > 0),
            reclaim_steps: self.reclaimed.map(|reclaimed| reclaimed.steps),
            freed_bytes,
            key_id: self.key_id,
            accepted_at: self.started_at.map(Time),
            finished_at: self.finished_at.map(Time),
            before: None,
            after: None,
        }
    }

    /// All that went; `None` where no step or pass could tell.
    fn freed_bytes(&self) -> Option<i64> {
        let reclaimed = self.reclaimed.iter().filter_map(|it| it.freed_bytes);
        let passes = self.passes.iter().filter_map(|pass| pass.freed_bytes);
        let sum = reclaimed.chain(passes).reduce(u64::saturating_add)?;
        Some(i64::try_from(sum).unwrap_or(i64::MAX))
    }
}

/// The longest beginning of `text` that fits into `max` bytes.
fn cut(mut text: String, max: usize) -> String {
    text.truncate(text.floor_char_boundary(max));
    text
}

/// A refusal: the reason and one sentence that holds the numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which check said no.
    pub reason: RefusalReason,
    /// What was found, what was wanted and, where somebody must act, what to do.
    pub message: String,
}

impl Refusal {
    /// A refusal for `reason`, explained by `message`.
    #[must_use]
    pub fn new(reason: RefusalReason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }

    /// The answer to a command with this payload, of which nobody says that it is genuine.
    #[must_use]
    pub fn into_outcome(self, payload: &str) -> CommandOutcome {
        let claimed = CommandPayload::parse(payload).ok();
        CommandOutcome {
            epoch: claimed.as_ref().map(|payload| payload.epoch),
            action: claimed.as_ref().map(|payload| payload.action),
            id: claimed.map(|payload| payload.id).unwrap_or_default(),
            key_id: None,
            state: CommandState::Refused,
            reason: Some(self.reason),
            message: self.message,
            passes: Vec::new(),
            reclaimed: None,
            started_at: None,
            finished_at: None,
            repeated: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_keeps_within_its_schema() {
        let refusal = Refusal::new(RefusalReason::Malformed, "\u{e9}".repeat(300));
        let status = refusal.into_outcome("not json").into_status();
        assert_eq!(
            (status.id.as_str(), status.epoch, status.passes),
            ("-", None, None)
        );
        assert_eq!(status.message.unwrap().len(), 512);
    }

    #[test]
    fn a_status_names_what_was_written() {
        let pass = |level, freed_bytes| Pass {
            level,
            cgroups_before: None,
            cgroups_after: None,
            freed_bytes,
            sync_milliseconds: 1,
            synced: true,
            drop_milliseconds: 1,
        };
        let mut outcome = Refusal::new(RefusalReason::Busy, "").into_outcome("{}");
        outcome.passes = vec![pass(Caches::Slab, Some(7)), pass(Caches::All, None)];
        let status = outcome.clone().into_status();
        assert_eq!(status.level, Some(unstall_crds::command::DropLevel::All));
        assert_eq!((status.passes, status.reclaim_steps), (Some(2), None));
        assert_eq!(status.freed_bytes, Some(7));
        outcome.passes = vec![pass(Caches::Slab, None)];
        assert_eq!(outcome.into_status().freed_bytes, None);
    }
}
