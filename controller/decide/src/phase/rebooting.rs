//! The order to reboot, until another boot runs.

use jiff::SignedDuration;
use unstall_crds::command::CommandAction;
use unstall_crds::condition::BlockedReason;
use unstall_crds::health::{CommandState, CommandStatus, RefusalReason};
use unstall_crds::policy::DrainTimeoutAction;
use unstall_crds::remediation::{Outcome, Phase, RungResult};

use super::draining::begins;
use super::dropping::refused;
use super::step::Step;
use crate::drain::{self, Input, State};
use crate::judge::{add, signed};
use crate::no::No;
use crate::{judge, proof, record};

/// So long after an order that was refused for what will not last the next one is given.
const AGAIN: SignedDuration = SignedDuration::from_secs(20);
/// So long after the end of one that waited in vain for the other refusals to end, or whose
/// times the node's clock does not share.
const AGAIN_AFTER_EXPIRY: SignedDuration = SignedDuration::from_secs(60);

impl Step<'_, '_> {
    pub(super) fn rebooting(&mut self) {
        let Some((remedy, id)) = self.at_work() else {
            return self.record_gone();
        };
        let was_ordered = record::current_rung(&self.status).is_some_and(|it| it.epoch.is_some());
        if let Some(text) = self.rebooted().filter(|_| was_ordered) {
            let settle = signed(remedy.settle.get());
            let limit = add(self.deadline(), settle + proof::limit(self.trigger));
            let text = format!("the node was rebooted: {text}");
            return self.enter(Phase::Proving, Some(limit), &text);
        }
        if let Some(answer) = self.answer(&id) {
            return self.reboot_answered(&answer, &id);
        }
        if self.now() > self.deadline() {
            return self.never_rebooted(was_ordered);
        }
        if self.ordered().as_ref() != Some(&id) && !self.may_still_reboot() {
            return;
        }
        // Long enough for the machine to go down; what is not begun by then is void.
        let until = self.deadline();
        self.order(CommandAction::Reboot, None, &id, until);
    }

    /// Whether the order to reboot may be given: the node is as it was drained.
    fn is_still_ours(&mut self) -> bool {
        if self.lost_or_superseded() {
            return false;
        }
        if let Some(text) = self.yielded() {
            self.give_up(RungResult::Aborted, Outcome::Aborted, &text);
            return false;
        }
        true
    }

    /// Whether no pod came to the node since it was drained: past the cordon only those
    /// come that were told to by name. Who goes on after a drain that timed out goes on
    /// with them.
    fn is_still_empty(&mut self) -> bool {
        let policy = self.remediation.spec.policy.as_ref();
        let drain = policy.map(|it| &it.drain);
        let progress = self.status.drain.as_ref();
        let was_emptied = progress.is_some_and(|it| it.left.is_empty());
        // Whoever stayed when the drain took too long may stay.
        let drain = drain.filter(|it| was_emptied || it.on_timeout == DrainTimeoutAction::Abort);
        let Some((drain, pods)) = drain.zip(self.view.snapshot.pods.get(&self.node.name)) else {
            return true;
        };
        let mut phases = self.status.phases.iter().rev();
        let drained = phases.find(|it| it.phase == Phase::Draining);
        let entered = drained.map_or_else(|| self.since(), |it| it.started_at.0);
        let outlook = drain::plan(&Input {
            drain,
            pods,
            answers: &self.view.snapshot.evictions,
            started: begins(drain, entered),
            now: self.now(),
            parallel: self.view.snapshot.limits.evictions_per_node,
            before: self.status.drain.as_ref(),
        });
        if matches!(outlook.state, State::Done { .. }) {
            self.block(Vec::new());
            return true;
        }
        let left = outlook.progress.left.first();
        let pod = left.map_or_else(String::new, |left| {
            format!(" {}/{}", left.namespace, left.name)
        });
        let text =
            format!("pod{pod} came to the node after it was drained, and is not evicted any more");
        self.block(vec![No::new(BlockedReason::WaitingForPod, text)]);
        false
    }

    fn reboot_answered(&mut self, answer: &CommandStatus, id: &str) {
        let said = answer
            .message
            .clone()
            .unwrap_or_else(|| answer.state.to_string());
        let is_late = self.now() > self.deadline();
        match answer.state {
            // Until the other boot shows, the machine may be going down.
            CommandState::Accepted | CommandState::Succeeded if !is_late => {}
            CommandState::Accepted | CommandState::Succeeded => {
                let hint = if self.is_as_it_was() {
                    "; it is up still: see on it what holds the shutdown up (systemctl list-jobs)"
                } else {
                    ""
                };
                let text = format!("the node did not come back with another boot: {said}{hint}");
                self.failed(RungResult::Failed, Outcome::Failed, &text);
            }
            CommandState::Refused if !is_late && is_passing(answer) => self.ask_again(answer, id),
            CommandState::Refused => {
                let text = refused(answer, &said);
                self.give_up(RungResult::Refused, Outcome::NotFixed, &text);
            }
            CommandState::Failed | CommandState::Interrupted if self.is_as_it_was() => {
                let text = format!("the reboot did not begin: {}: {said}", answer.state);
                self.give_up(RungResult::Failed, Outcome::NotFixed, &text);
            }
            CommandState::Failed | CommandState::Interrupted => {
                let text = format!(
                    "the reboot ended as {}: {said}; the node is not as it was",
                    answer.state
                );
                self.failed(RungResult::Failed, Outcome::Failed, &text);
            }
        }
    }

    /// Whether an order is given, for the first time or again, on what is seen now.
    fn may_still_reboot(&mut self) -> bool {
        self.is_still_ours() && self.is_still_empty()
    }

    /// Gives the order again under another id: the first one is answered.
    fn ask_again(&mut self, answer: &CommandStatus, id: &str) {
        // By the clock that gave the order: a refusal does not tell when it was made, and the
        // node's clock may be wrong. A time to come is no reason to wait.
        let (issued, expires) = self.validity(id).unwrap_or((self.since(), self.since()));
        let at = match answer.reason {
            Some(RefusalReason::Expired) => add(expires, AGAIN_AFTER_EXPIRY),
            _ => add(issued, AGAIN),
        };
        // One that nobody could answer in time would hide why this one was refused.
        let is_last = add(self.now(), AGAIN) > self.deadline();
        if (issued <= self.now() && self.now() < at) || is_last || !self.may_still_reboot() {
            return;
        }
        let (stem, tries) = match id.rsplit_once('.') {
            Some((stem, tries)) => (stem, tries.parse::<u32>().unwrap_or(1)),
            None => (id, 1),
        };
        let next = format!("{stem}.{}", tries + 1);
        if let Some(rung) = self.status.rungs.last_mut() {
            rung.command_id = Some(next.clone());
        }
        let until = self.deadline();
        self.order(CommandAction::Reboot, None, &next, until);
    }

    /// Whether the node is Ready and runs the boot that it had when its slot was taken.
    fn is_as_it_was(&self) -> bool {
        let boot = judge::boot(self.view.snapshot, self.node);
        let before = self.slot().and_then(|slot| slot.boot_id.as_deref());
        self.node.is_ready() && boot.is_some() && boot == before
    }

    fn never_rebooted(&mut self, was_ordered: bool) {
        if self.is_as_it_was() {
            // The order is void by now, so that nothing will happen any more.
            let text = if was_ordered {
                "the actuator did not answer the order to reboot in time"
            } else {
                "no order to reboot could be given in time"
            };
            return self.give_up(RungResult::Failed, Outcome::NotFixed, text);
        }
        let text = if was_ordered {
            "the node did not come back in time after the order to reboot"
        } else {
            "no order to reboot could be given in time, and the node is not as it was"
        };
        self.failed(RungResult::Failed, Outcome::Failed, text);
    }
}

/// Whether a refusal is over in a moment. The probe offers an order again while the
/// actuator is busy, so that most of those come as one that has expired.
fn is_passing(answer: &CommandStatus) -> bool {
    matches!(
        answer.reason,
        Some(RefusalReason::Busy | RefusalReason::TooSoon | RefusalReason::Expired)
    )
}
