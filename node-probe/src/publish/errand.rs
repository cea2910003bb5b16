//! What became of the latest command, and what to ask the actuator next. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use unstall_crds::command::SignedCommand;
use unstall_crds::health::{CommandState, CommandStatus, RefusalReason};

use super::around;
use super::status::Now;
use crate::judge::Judge;
use crate::time::MonotonicTime;

/// Until the actuator was asked, and where none is configured.
const NO_ACTUATOR: &str = "no actuator is configured beside this probe, or it was not asked yet";
/// Of a command that an actuator had accepted.
const FORGOTTEN: &str =
    "the actuator's journal knows nothing of it any more: whether it was carried out is not known";

/// The longest message of a command that the schema allows.
const MESSAGE_MAX: usize = 512;

/// What is asked of the actuator.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Orders {
    /// The command of the node's object.
    pub command: Option<SignedCommand>,
    /// The command that the actuator accepted and has not finished, as far as
    /// is known. It is asked after also when its command is taken back: what
    /// was begun goes on.
    pub unfinished: Option<String>,
    /// The UID of the node's object, for which a command would be made.
    pub node_uid: Option<String>,
}

/// What comes back.
#[derive(Debug)]
pub enum Said {
    /// The actuator answers, or why it does not.
    Presence(Result<(), String>),
    /// Why it would not reboot the node, if it would not.
    Reboots(Option<String>),
    /// Where a command stands.
    Command(Box<CommandStatus>),
    /// The actuator knows nothing of a command that it had accepted.
    Forgotten(String),
}

/// The probe's side of the latest command.
#[derive(Debug)]
pub struct Errand {
    actuator: Result<(), String>,
    /// What it said of reboots, once it was asked.
    reboots: Option<Result<(), String>>,
    command: Option<CommandStatus>,
    ended: Option<MonotonicTime>,
    wanted: Wanted,
}

/// What is to be measured for the latest command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Before,
    After,
    Nothing,
}

impl Default for Errand {
    fn default() -> Self {
        Self {
            actuator: Err(NO_ACTUATOR.to_owned()),
            reboots: None,
            command: None,
            ended: None,
            wanted: Wanted::Nothing,
        }
    }
}

impl Errand {
    /// Takes over what an earlier run of the probe said. When a command ended
    /// is not known on this clock; that it was before `now` is.
    pub fn resume(&mut self, command: Option<CommandStatus>, now: Now) {
        let ended = command.as_ref().filter(|c| has_ended(c));
        self.ended = ended.map(|_| now.monotonic);
        let unmeasured = ended.filter(|c| c.after.is_none() && c.state != CommandState::Refused);
        self.wanted = match unmeasured.and_then(|command| command.finished_at.as_ref()) {
            Some(finished) if around::is_recent(finished, now) => Wanted::After,
            _ => Wanted::Nothing,
        };
        self.command = command;
    }

    /// Takes in what the actuator said. Returns why it does not answer any more,
    /// if that is new.
    pub fn hear(&mut self, said: Said, now: Now) -> Option<&str> {
        match said {
            Said::Presence(presence) => {
                let is_news = self.actuator != presence;
                if presence.is_err() {
                    self.reboots = None;
                }
                self.actuator = presence;
                return self.silence().filter(|_| is_news);
            }
            Said::Reboots(no) => self.reboots = Some(no.map_or(Ok(()), Err)),
            Said::Forgotten(id) => {
                self.actuator = Ok(());
                let unfinished = self.command.as_mut().filter(|c| !has_ended(c));
                if let Some(command) = unfinished.filter(|command| command.id == id) {
                    command.state = CommandState::Interrupted;
                    command.message = Some(FORGOTTEN.to_owned());
                    command.finished_at = Some(Time(now.wall));
                    self.ended = Some(now.monotonic);
                    self.wanted = Wanted::After;
                }
            }
            Said::Command(status) => {
                self.actuator = Ok(());
                self.take_in(*status, now);
            }
        }
        None
    }

    fn take_in(&mut self, mut status: CommandStatus, now: Now) {
        let known = self.command.take().filter(|c| c.id == status.id);
        let is_same = known.is_some();
        // The actuator measures neither; what the probe has measured stays.
        if let Some(known) = known {
            status.before = known.before;
            status.after = known.after;
        }
        if !has_ended(&status) {
            self.ended = None;
            if !is_same {
                self.wanted = Wanted::Before;
            }
        } else if !is_same || self.ended.is_none() {
            self.ended = Some(now.monotonic);
            self.wanted = match status.state {
                CommandState::Refused => Wanted::Nothing,
                _ => Wanted::After,
            };
        }
        self.command = Some(status);
    }

    /// Joins what `judge` knows to the latest command: once as it begins and
    /// once after its end.
    pub fn measure(&mut self, judge: &Judge, now: Now) {
        let Some(command) = &mut self.command else {
            return;
        };
        match (self.wanted, self.ended) {
            (Wanted::Before, _) => {
                command.before = around::before(judge, now);
                self.wanted = Wanted::Nothing;
            }
            (Wanted::After, Some(ended)) => {
                command.after = around::after(judge, ended, now);
                if command.after.is_some() {
                    self.wanted = Wanted::Nothing;
                }
            }
            (Wanted::After | Wanted::Nothing, _) => {}
        }
    }

    /// What to ask while the node's object holds `command`.
    #[must_use]
    pub fn orders(&self, command: Option<SignedCommand>) -> Orders {
        let unfinished = self.command.as_ref().filter(|command| !has_ended(command));
        Orders {
            command,
            unfinished: unfinished.map(|command| command.id.clone()),
            node_uid: None,
        }
    }

    /// Whether a command is at work on the node.
    #[must_use]
    pub fn is_at_work(&self) -> bool {
        self.command.as_ref().is_some_and(|c| !has_ended(c))
    }

    /// Why the actuator does not answer, if it does not.
    #[must_use]
    pub fn silence(&self) -> Option<&str> {
        self.actuator.as_ref().err().map(String::as_str)
    }

    /// Whether the actuator would reboot the node, or why not; nothing until it said so.
    #[must_use]
    pub fn reboots(&self) -> Option<Result<(), &str>> {
        let said = self.reboots.as_ref();
        said.map(|said| said.as_ref().copied().map_err(String::as_str))
    }

    /// Where the latest command stands.
    #[must_use]
    pub fn command(&self) -> Option<&CommandStatus> {
        self.command.as_ref()
    }

    /// When the latest command was known to have ended.
    #[must_use]
    pub fn ended(&self) -> Option<MonotonicTime> {
        self.ended
    }
}

/// Whether the actuator may obey the same command a little later: it is offered
/// again until it is obeyed or void, which is how a command waits for another.
#[must_use]
pub fn is_for_later(command: &CommandStatus) -> bool {
    matches!(
        command.reason,
        Some(RefusalReason::Busy | RefusalReason::TooSoon)
    )
}

/// The end of a command that was refused with the words `before` until it was
/// void: that it expired would not say why.
#[must_use]
pub fn after_waiting(mut command: CommandStatus, before: &str) -> CommandStatus {
    if command.reason == Some(RefusalReason::Expired) {
        let said = command.message.unwrap_or_default();
        let whole = format!("{said}; until then it had to wait: {before}");
        command.message = Some(whole.chars().take(MESSAGE_MAX).collect());
    }
    command
}

fn has_ended(command: &CommandStatus) -> bool {
    command.state != CommandState::Accepted
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use unstall_crds::command::SIGNATURE_BYTES;
    use unstall_crds::health::CommandMeasurement;

    use super::*;
    use crate::judge::testing::observation;

    fn now(second: u64) -> Now {
        Now {
            monotonic: MonotonicTime::from_boot(Duration::from_secs(second)),
            wall: Timestamp::from_second(1_800_000_000 + i64::try_from(second).unwrap()).unwrap(),
        }
    }

    fn status(id: &str, state: &str) -> CommandStatus {
        serde_json::from_value(serde_json::json!({"id": id, "state": state})).unwrap()
    }

    fn heard(errand: &mut Errand, id: &str, state: &str, second: u64) {
        let said = Said::Command(Box::new(status(id, state)));
        assert_eq!(errand.hear(said, now(second)), None);
    }

    #[test]
    fn what_was_begun_is_asked_after_although_it_was_taken_back() {
        let mut errand = Errand::default();
        heard(&mut errand, "a", "Accepted", 1);
        let command = SignedCommand::new("{}".to_owned(), &[0; SIGNATURE_BYTES]);
        assert_eq!(errand.orders(Some(command.clone())).command, Some(command));
        assert_eq!(errand.orders(None).unfinished.as_deref(), Some("a"));
        assert!(errand.is_at_work());
        heard(&mut errand, "a", "Succeeded", 2);
        assert_eq!(errand.orders(None), Orders::default());
        assert!(!errand.is_at_work());
        assert_eq!(errand.ended(), Some(now(2).monotonic));
    }

    #[test]
    fn a_restarted_probe_asks_after_what_it_had_said() {
        let mut errand = Errand::default();
        errand.resume(Some(status("a", "Accepted")), now(1));
        assert_eq!(errand.orders(None).unfinished.as_deref(), Some("a"));
        assert_eq!(errand.ended(), None);
        errand.resume(Some(status("a", "Failed")), now(1));
        assert_eq!(errand.orders(None).unfinished, None);
        assert_eq!(errand.ended(), Some(now(1).monotonic));
    }

    #[test]
    fn what_the_actuator_forgot_is_interrupted_and_nothing_else_is() {
        let mut errand = Errand::default();
        heard(&mut errand, "a", "Accepted", 1);
        errand.hear(Said::Forgotten("b".to_owned()), now(2));
        assert!(errand.is_at_work());
        errand.hear(Said::Forgotten("a".to_owned()), now(3));
        let command = errand.command().unwrap();
        assert_eq!(command.state, CommandState::Interrupted);
        assert_eq!(command.finished_at, Some(Time(now(3).wall)));
        heard(&mut errand, "c", "Succeeded", 4);
        errand.hear(Said::Forgotten("c".to_owned()), now(5));
        assert_eq!(errand.command().unwrap().state, CommandState::Succeeded);
    }

    #[test]
    fn a_command_ended_when_that_was_heard_first() {
        let mut errand = Errand::default();
        heard(&mut errand, "a", "Succeeded", 1);
        heard(&mut errand, "a", "Succeeded", 9);
        assert_eq!(errand.ended(), Some(now(1).monotonic));
        heard(&mut errand, "b", "Refused", 10);
        assert_eq!(errand.ended(), Some(now(10).monotonic));
    }

    fn refused(reason: &str, message: &str) -> CommandStatus {
        serde_json::from_value(serde_json::json!({
            "id": "a", "state": "Refused", "reason": reason, "message": message,
        }))
        .unwrap()
    }

    #[test]
    fn what_may_be_obeyed_later_waits_and_what_may_not_does_not() {
        for reason in RefusalReason::ALL {
            let waits = matches!(reason.as_str(), "Busy" | "TooSoon");
            assert_eq!(
                is_for_later(&refused(reason.as_str(), "")),
                waits,
                "{reason}"
            );
        }
        assert!(!is_for_later(&status("a", "Accepted")));
    }

    #[test]
    fn a_command_that_waited_in_vain_says_what_for() {
        let end = after_waiting(refused("Expired", "expired at noon"), "b is at work");
        assert_eq!(
            end.message.as_deref(),
            Some("expired at noon; until then it had to wait: b is at work")
        );
        let end = after_waiting(refused("Expired", "x"), &"\u{e9}".repeat(900));
        assert_eq!(end.message.unwrap().chars().count(), 512);
        let end = after_waiting(refused("DailyCap", "24 a day"), "b is at work");
        assert_eq!(end.message.as_deref(), Some("24 a day"));
    }

    /// Observes `reads` of so many `micros`, a second apart, the first at `first`.
    fn observe(judge: &mut Judge, first: u64, reads: u64, micros: u64) {
        for second in first..first + reads {
            judge.observe(&observation(second, Duration::from_micros(micros)));
        }
    }

    fn read_of(measured: Option<&CommandMeasurement>) -> Option<String> {
        let read = measured?.memory_stat_read_cpu.as_ref()?;
        Some(read.0.to_string())
    }

    #[test]
    fn a_command_is_measured_around_once_each() {
        let (mut errand, mut judge) = (Errand::default(), Judge::default());
        observe(&mut judge, 1, 5, 90);
        heard(&mut errand, "a", "Accepted", 6);
        errand.measure(&judge, now(6));
        observe(&mut judge, 6, 5, 70);
        heard(&mut errand, "a", "Accepted", 7);
        errand.measure(&judge, now(7));
        let before = |errand: &Errand| read_of(errand.command()?.before.as_ref());
        let after = |errand: &Errand| read_of(errand.command()?.after.as_ref());
        assert_eq!(before(&errand).as_deref(), Some("90us"));

        heard(&mut errand, "a", "Succeeded", 20);
        observe(&mut judge, 21, 4, 10);
        errand.measure(&judge, now(25));
        assert_eq!(after(&errand), None, "four reads are too few");
        observe(&mut judge, 25, 1, 10);
        errand.measure(&judge, now(26));
        observe(&mut judge, 27, 9, 50);
        errand.measure(&judge, now(40));
        heard(&mut errand, "a", "Succeeded", 41);
        assert_eq!(before(&errand).as_deref(), Some("90us"));
        assert_eq!(after(&errand).as_deref(), Some("10us"));
    }

    #[test]
    fn what_did_nothing_or_was_not_seen_to_begin_has_no_measurement() {
        let (mut errand, mut judge) = (Errand::default(), Judge::default());
        observe(&mut judge, 1, 30, 90);
        heard(&mut errand, "a", "Refused", 2);
        errand.measure(&judge, now(31));
        let refused = errand.command().unwrap();
        assert_eq!((&refused.before, &refused.after), (&None, &None));

        heard(&mut errand, "b", "Succeeded", 2);
        errand.measure(&judge, now(31));
        let unseen = errand.command().unwrap();
        assert_eq!(unseen.before, None);
        assert!(unseen.after.is_some());
    }

    #[test]
    fn a_restart_goes_on_measuring_what_has_just_ended_and_nothing_older() {
        let ended = |second| {
            let mut command = status("a", "Succeeded");
            command.finished_at = Some(Time(now(second).wall));
            command
        };
        let mut judge = Judge::default();
        observe(&mut judge, 1_001, 9, 90);
        let after = |command| {
            let mut errand = Errand::default();
            errand.resume(Some(command), now(1_000));
            errand.measure(&judge, now(1_010));
            errand.command().unwrap().after.clone()
        };
        assert!(after(ended(990)).is_some());
        assert_eq!(after(ended(100)), None);
    }

    #[test]
    fn why_an_actuator_is_silent_is_told_once() {
        let mut errand = Errand::default();
        assert!(errand.silence().is_some());
        let silent = || Said::Presence(Err("journal: corrupt".to_owned()));
        assert_eq!(errand.hear(silent(), now(1)), Some("journal: corrupt"));
        assert_eq!(errand.hear(silent(), now(2)), None);
        assert_eq!(errand.silence(), Some("journal: corrupt"));
        assert_eq!(errand.hear(Said::Presence(Ok(())), now(3)), None);
        assert_eq!(errand.silence(), None);
    }

    #[test]
    fn what_was_said_of_reboots_goes_with_the_actuator_that_said_it() {
        let mut errand = Errand::default();
        assert_eq!(errand.reboots(), None);
        errand.hear(Said::Presence(Ok(())), now(1));
        errand.hear(Said::Reboots(Some("not enabled".to_owned())), now(1));
        assert_eq!(errand.reboots(), Some(Err("not enabled")));
        errand.hear(Said::Presence(Ok(())), now(2));
        errand.hear(Said::Reboots(None), now(2));
        assert_eq!(errand.reboots(), Some(Ok(())));
        errand.hear(Said::Presence(Err("gone".to_owned())), now(3));
        assert_eq!(errand.reboots(), None);
    }
}
