//! (pure) What the journal remembers: the pinned node, the highest epoch, every recent command.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use unstall_crds::command::CommandAction;
use unstall_crds::health::CommandState;

use super::limit;
use super::outcome::{CommandOutcome, Ending};

/// The version of the journal's format that this actuator writes and the only one it reads.
pub const SCHEMA_VERSION: u32 = 1;

/// How many commands are remembered beyond those of the last 24 hours, so that a repeated one
/// still gets its recorded answer.
const KEPT_OLDER: usize = 32;

/// More than this is no journal of ours: the largest daily cap and [`KEPT_OLDER`] stay below it.
const MAX_ENTRIES: usize = 256;

/// A point in time on this machine, by both of its clocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock, which may jump.
    pub wall: Timestamp,
    /// This boot.
    pub boot_id: String,
    /// Time since this boot by the monotonic clock, which does not jump.
    pub uptime: Duration,
}

/// Everything remembered between commands and restarts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    schema_version: u32,
    #[serde(rename = "nodeUID")]
    node_uid: Option<String>,
    highest_epoch: i64,
    commands: Vec<Entry>,
}

/// One command that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// The command's id.
    pub id: String,
    /// The epoch it carried.
    pub epoch: i64,
    /// What it orders.
    pub action: CommandAction,
    /// The first digits of the key that signed it.
    #[serde(rename = "keyID")]
    pub key_id: String,
    /// The boot on which it was begun.
    #[serde(rename = "bootID")]
    pub boot_id: String,
    /// When it was begun, by the wall clock.
    pub started_at: Timestamp,
    /// When it was begun, in milliseconds since that boot.
    pub uptime_milliseconds: u64,
    /// When logind took the reboot that was asked for; the machine goes down from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
    /// How it ended; absent from the intent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            node_uid: None,
            highest_epoch: 0,
            commands: Vec::new(),
        }
    }
}

impl Record {
    /// The Node object that this machine serves, once a command was obeyed.
    #[must_use]
    pub fn node_uid(&self) -> Option<&str> {
        self.node_uid.as_deref()
    }

    /// Fixes the Node object that this machine serves. The first one stays.
    pub fn pin_node_uid(&mut self, uid: &str) {
        self.node_uid.get_or_insert_with(|| uid.to_owned());
    }

    /// The highest epoch that a genuine command has carried.
    #[must_use]
    pub fn highest_epoch(&self) -> i64 {
        self.highest_epoch
    }

    /// The commands begun, oldest first.
    #[must_use]
    pub fn commands(&self) -> &[Entry] {
        &self.commands
    }

    /// The command of this id, if it is remembered.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Entry> {
        self.commands.iter().find(|entry| entry.id == id)
    }

    /// Remembers `epoch` if it is the highest yet, and says whether it is.
    pub fn raise_epoch(&mut self, epoch: i64) -> bool {
        let rises = epoch > self.highest_epoch;
        self.highest_epoch = self.highest_epoch.max(epoch);
        rises
    }

    /// Adds the intent to carry out a command, and forgets what no limit asks about any more.
    pub fn begin(&mut self, entry: Entry, now: &Moment) {
        let older = self.commands.len().saturating_sub(KEPT_OLDER);
        let mut index = 0;
        self.commands.retain(|known| {
            let keep = index >= older || limit::elapsed(known, now) < limit::DAY;
            index += 1;
            keep
        });
        self.commands.push(entry);
    }

    /// Writes down how the command `entry` ended. Its intent is put back if somebody removed the
    /// journal meanwhile: what was done counts against the limits.
    pub fn end(&mut self, entry: &Entry, ending: Ending) {
        match self.commands.iter_mut().find(|known| known.id == entry.id) {
            Some(known) => known.ending = Some(ending),
            None => self.commands.push(Entry {
                ending: Some(ending),
                ..entry.clone()
            }),
        }
    }

    /// Writes down that logind took the reboot of `entry`.
    pub fn mark_asked(&mut self, entry: &Entry, at: Timestamp) {
        if let Some(known) = self.commands.iter_mut().find(|known| known.id == entry.id) {
            known.asked_at = Some(at);
        }
    }

    /// The reboot that logind took on this boot, if the machine is still to go down.
    #[must_use]
    pub fn shutdown_under_way(&self, now: &Moment) -> Option<&Entry> {
        self.commands.iter().find(|entry| {
            entry.ending.is_none() && entry.asked_at.is_some() && entry.boot_id == now.boot_id
        })
    }

    /// The reboot of this boot that was begun, without a word whether logind took it.
    #[must_use]
    pub fn reboot_in_doubt(&self, now: &Moment) -> Option<&Entry> {
        self.commands.iter().find(|entry| {
            entry.action == CommandAction::Reboot
                && entry.ending.is_none()
                && entry.asked_at.is_none()
                && entry.boot_id == now.boot_id
        })
    }

    /// Ends every command that was begun and not ended: nobody is carrying it out any more. A
    /// reboot was done if this is another boot; all else is `Interrupted`. Says whether there was
    /// one.
    pub fn end_unfinished(&mut self, now: &Moment) -> bool {
        let mut found = false;
        for entry in self
            .commands
            .iter_mut()
            .filter(|entry| entry.ending.is_none())
        {
            let (state, message) = entry.end_seen_from(now);
            entry.ending = Some(Ending {
                state,
                message,
                passes: Vec::new(),
                reclaimed: None,
                finished_at: now.wall,
            });
            found = true;
        }
        found
    }

    /// What makes this no journal of ours although it parses: a sentence, or `None` if it is one.
    #[must_use]
    pub fn defect(&self) -> Option<String> {
        if self.schema_version != SCHEMA_VERSION {
            return Some(format!(
                "its schemaVersion is {}, this actuator knows only {SCHEMA_VERSION}",
                self.schema_version
            ));
        }
        if self.commands.len() > MAX_ENTRIES {
            return Some(format!("it holds {} commands", self.commands.len()));
        }
        let not_final = |entry: &&Entry| {
            entry.ending.as_ref().is_some_and(|ending| {
                matches!(ending.state, CommandState::Accepted | CommandState::Refused)
            })
        };
        if let Some(entry) = self.commands.iter().find(not_final) {
            return Some(format!(
                "command {:?} ended in a state that is no end",
                entry.id
            ));
        }
        None
    }
}

impl Entry {
    /// How a command ended that nobody is carrying out any more.
    fn end_seen_from(&self, now: &Moment) -> (CommandState, String) {
        let is_other_boot = self.boot_id != now.boot_id;
        match (self.action, is_other_boot) {
            (CommandAction::Reboot, true) => {
                let asked = match self.asked_at {
                    Some(at) => format!("logind took it at {at:.0}"),
                    None => "logind's answer was not recorded before".to_owned(),
                };
                let message = format!(
                    "boot {} is over, this is boot {}; {asked}",
                    self.boot_id, now.boot_id
                );
                (CommandState::Succeeded, message)
            }
            (CommandAction::Reboot, false) => (
                CommandState::Interrupted,
                "the actuator restarted, or could not write its journal, before logind's answer \
                 was recorded: this is still the same boot, and it is not repeated"
                    .to_owned(),
            ),
            (CommandAction::DropCaches, false) => (
                CommandState::Interrupted,
                "the actuator restarted, or could not write its journal, before the outcome was \
                 recorded: the caches may have been dropped, and it is not repeated"
                    .to_owned(),
            ),
            (CommandAction::DropCaches, true) => (
                CommandState::Interrupted,
                "the machine booted again before the outcome was recorded: the command is void \
                 and not repeated"
                    .to_owned(),
            ),
        }
    }

    fn state_of_work(&self) -> String {
        match self.asked_at {
            Some(at) => format!("logind took the reboot at {at:.0}; the machine goes down"),
            None => "being carried out".to_owned(),
        }
    }

    /// The recorded answer: what was done, or that it is being done.
    #[must_use]
    pub fn outcome(&self, repeated: bool) -> CommandOutcome {
        let base = CommandOutcome {
            id: self.id.clone(),
            epoch: Some(self.epoch),
            action: Some(self.action),
            key_id: Some(self.key_id.clone()),
            state: CommandState::Accepted,
            reason: None,
            message: self.state_of_work(),
            passes: Vec::new(),
            reclaimed: None,
            started_at: Some(self.started_at),
            finished_at: None,
            repeated,
        };
        match &self.ending {
            None => base,
            Some(ending) => CommandOutcome {
                state: ending.state,
                message: ending.message.clone(),
                passes: ending.passes.clone(),
                reclaimed: ending.reclaimed.clone(),
                finished_at: Some(ending.finished_at),
                ..base
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str) -> Entry {
        Entry {
            id: id.to_owned(),
            epoch: 1,
            action: CommandAction::DropCaches,
            key_id: "k".to_owned(),
            boot_id: "b".to_owned(),
            started_at: Timestamp::UNIX_EPOCH,
            uptime_milliseconds: 0,
            asked_at: None,
            ending: None,
        }
    }

    fn ending(state: CommandState) -> Ending {
        Ending {
            state,
            message: String::new(),
            passes: Vec::new(),
            reclaimed: None,
            finished_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_highest_epoch_and_the_first_node_uid_stay() {
        let mut record = Record::default();
        assert!(record.raise_epoch(7));
        assert!(!record.raise_epoch(7));
        assert!(!record.raise_epoch(6));
        assert_eq!(record.highest_epoch(), 7);
        record.pin_node_uid("first");
        record.pin_node_uid("second");
        assert_eq!(record.node_uid(), Some("first"));
    }

    #[test]
    fn what_parses_and_makes_no_sense_is_a_defect() {
        let mut record = Record::default();
        assert_eq!(record.defect(), None);
        record.commands = (0..=MAX_ENTRIES).map(|id| entry(&id.to_string())).collect();
        assert!(
            record
                .defect()
                .is_some_and(|defect| defect.contains("257 commands"))
        );
        for state in [CommandState::Accepted, CommandState::Refused] {
            record.commands = vec![Entry {
                ending: Some(ending(state)),
                ..entry("odd")
            }];
            assert!(
                record
                    .defect()
                    .is_some_and(|defect| defect.contains("\"odd\""))
            );
        }
    }

    fn moment(boot: &str) -> Moment {
        Moment {
            wall: Timestamp::UNIX_EPOCH,
            boot_id: boot.to_owned(),
            uptime: Duration::ZERO,
        }
    }

    fn with_reboot(asked_at: Option<Timestamp>) -> Record {
        let mut record = Record::default();
        let reboot = Entry {
            action: CommandAction::Reboot,
            ..entry("r")
        };
        record.begin(reboot.clone(), &moment("b"));
        if let Some(at) = asked_at {
            record.mark_asked(&reboot, at);
        }
        record
    }

    #[test]
    fn a_reboot_is_proven_by_another_boot_and_interrupted_on_its_own() {
        for asked_at in [None, Some(Timestamp::UNIX_EPOCH)] {
            for (boot, state) in [
                ("b", CommandState::Interrupted),
                ("c", CommandState::Succeeded),
            ] {
                let mut record = with_reboot(asked_at);
                assert!(record.end_unfinished(&moment(boot)));
                let outcome = record.find("r").unwrap().outcome(false);
                assert_eq!(outcome.state, state, "{asked_at:?} {boot}");
                assert!(!record.end_unfinished(&moment("d")), "it has ended");
            }
        }
        let mut record = with_reboot(None);
        record.end_unfinished(&moment("c"));
        let message = record.find("r").unwrap().outcome(false).message;
        assert!(
            message.contains("boot b is over, this is boot c") && message.contains("not recorded"),
            "{message}"
        );
    }

    #[test]
    fn only_a_reboot_that_logind_took_on_this_boot_is_under_way() {
        let asked = Some(Timestamp::UNIX_EPOCH);
        let is_under_way =
            |record: &Record, boot| record.shutdown_under_way(&moment(boot)).is_some();
        assert!(is_under_way(&with_reboot(asked), "b"));
        assert!(!is_under_way(&with_reboot(asked), "c"));
        assert!(!is_under_way(&with_reboot(None), "b"));
        let mut ended = with_reboot(asked);
        ended.end_unfinished(&moment("b"));
        assert!(!is_under_way(&ended, "b"));
    }

    #[test]
    fn an_end_is_written_beside_its_own_intent() {
        let mut record = Record::default();
        record.begin(entry("one"), &moment("b"));
        record.begin(entry("two"), &moment("b"));
        record.end(&entry("two"), ending(CommandState::Succeeded));
        let ended = |id| record.find(id).map(|entry| entry.ending.is_some());
        assert_eq!((ended("one"), ended("two")), (Some(false), Some(true)));
    }

    #[test]
    fn an_action_counts_even_if_the_journal_was_removed_meanwhile() {
        let mut record = Record::default();
        record.end(&entry("one"), ending(CommandState::Succeeded));
        assert_eq!(record.commands().len(), 1);
        record.end(&entry("one"), ending(CommandState::Failed));
        assert_eq!(record.commands().len(), 1);
        let outcome = record.find("one").map(|entry| entry.outcome(false));
        assert_eq!(
            outcome.map(|outcome| outcome.state),
            Some(CommandState::Failed)
        );
    }
}
