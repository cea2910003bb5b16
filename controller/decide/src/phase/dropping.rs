//! The order to drop caches, and the actuator's answer.

use jiff::SignedDuration;
use unstall_crds::command::CommandAction;
use unstall_crds::condition::BlockedReason;
use unstall_crds::health::{CommandState, CommandStatus};
use unstall_crds::remediation::{Outcome, Phase, RungResult};

use super::begin::{ANSWER_MARGIN, drop_caches};
use super::step::Step;
use crate::judge::{self, add, signed};
use crate::no::No;
use crate::proof;

/// How late the ledger is seen at times.
const SEEN_LATE: SignedDuration = SignedDuration::from_mins(1);

impl Step<'_, '_> {
    pub(super) fn dropping(&mut self) {
        let now = self.now();
        let Some((remedy, id)) = self.at_work() else {
            return self.record_gone();
        };
        let deadline = self.deadline();
        if let Some(answer) = self.answer(&id) {
            return self.dropped(&answer, remedy.settle.get());
        }
        if self.slot().is_none() {
            return self.without_slot();
        }
        if now > deadline {
            let is_ordered = self.ordered().as_ref() == Some(&id);
            let boot = judge::boot(self.view.snapshot, self.node);
            let text = match (is_ordered, boot) {
                (true, _) => "the actuator did not answer in time",
                (false, Some(_)) => "no command could be given in time",
                (false, None) => {
                    "no command could be given: the node's probe does not tell its boot ID"
                }
            };
            return self.next_rung(RungResult::Failed, text);
        }
        // The remedy's timeout is what the actuator has; the margin is for its answer.
        let level = drop_caches(remedy).level;
        let until = add(deadline, -ANSWER_MARGIN);
        self.order(CommandAction::DropCaches, Some(level), &id, until);
    }

    fn dropped(&mut self, answer: &CommandStatus, settle: std::time::Duration) {
        let said = answer
            .message
            .clone()
            .unwrap_or_else(|| answer.state.to_string());
        match answer.state {
            CommandState::Accepted if self.now() <= self.deadline() => {}
            CommandState::Accepted => {
                let text = "the actuator accepted it and did not finish in time";
                self.next_rung(RungResult::Failed, text);
            }
            CommandState::Succeeded if self.trigger.is_none() => {
                // Asked for by a human, so that nothing fired that could be
                // measured again.
                self.end_rung(RungResult::Cured, &said);
                self.end(
                    Outcome::Fixed,
                    &format!("{said}; no trigger to measure again"),
                );
            }
            CommandState::Succeeded => self.verify(&said, settle),
            // It may have been done: nothing stronger before that is known.
            CommandState::Interrupted if self.trigger.is_some() => {
                self.verify(&format!("Interrupted: {said}"), settle);
            }
            CommandState::Refused => {
                let text = refused(answer, &said);
                self.next_rung(RungResult::Refused, &text);
            }
            CommandState::Failed | CommandState::Interrupted => {
                self.next_rung(RungResult::Failed, &format!("{}: {said}", answer.state));
            }
        }
    }

    fn verify(&mut self, said: &str, settle: std::time::Duration) {
        let text = format!("{said}; measuring again");
        let limit = add(self.now(), signed(settle) + proof::limit(self.trigger));
        self.enter(Phase::Verifying, Some(limit), &text);
    }

    pub(super) fn record_gone(&mut self) {
        let text = "the record of the remedy at work is gone, or contradicts the phase";
        self.fail(RungResult::Failed, Outcome::Failed, text);
    }

    /// The ledger may be seen late, but not for ever.
    pub(super) fn without_slot(&mut self) {
        let deadline = self.deadline();
        if self.is_in_history() || self.now() > deadline {
            return self.slot_lost();
        }
        let begun = self.status.rungs.last().map(|rung| rung.started_at.0);
        if begun.is_some_and(|begun| add(begun, SEEN_LATE) < self.now()) {
            let text = format!(
                "its slot is not in the ledger: nothing is done without one, and it ends at {deadline:.0}"
            );
            self.block(vec![No::new(BlockedReason::SlotLost, text)]);
        }
    }

    fn slot_lost(&mut self) {
        let text = "its slot is not in the ledger any more: nothing is done without one";
        self.end_rung(RungResult::Failed, text);
        if self.is_cordoned() {
            self.status.ending = Some(Outcome::Aborted);
            self.enter(Phase::Uncordoning, None, text);
        } else {
            self.end(Outcome::Aborted, text);
        }
        self.block(vec![No::new(BlockedReason::SlotLost, text)]);
    }
}

/// What a refusal says.
pub(super) fn refused(answer: &CommandStatus, said: &str) -> String {
    let reason = answer
        .reason
        .map_or_else(String::new, |reason| format!("{reason}: "));
    format!("the actuator refused ({reason}{said})")
}
