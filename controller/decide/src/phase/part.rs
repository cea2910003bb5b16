//! What all phases share.

use jiff::Timestamp;
use unstall_crds::health::{CommandStatus, NodeHealth, TriggerState};
use unstall_crds::ledger::Slot;
use unstall_crds::policy::{AfterFailure, Remedy, RemedyKind};
use unstall_crds::remediation::{Outcome, Phase, Proof, RungResult};

use super::step::Step;
use crate::no::No;
use crate::plan::Release;
use crate::proof::Judged;
use crate::{Action, ladder, marks, proof, record, select};

impl<'a> Step<'a, '_> {
    pub(super) fn now(&self) -> Timestamp {
        self.view.snapshot.now
    }

    pub(super) fn health(&self) -> Option<&'a NodeHealth> {
        self.view.health(self.node)
    }

    /// The trigger as the probe judges it.
    pub(super) fn judged(&self) -> Option<Judged<'a>> {
        let policy = self.remediation.spec.policy_name.as_deref()?;
        Some(Judged::new(policy, self.trigger?))
    }

    /// Whether what fired is over. A condition that came back does not fire at once.
    pub(super) fn is_cured(&self) -> bool {
        let Some(judged) = self.judged() else {
            return false;
        };
        let is_over = || {
            let verdict = proof::since_boot(self.view, self.node, &judged, None);
            matches!(verdict, proof::Verdict::Cured(_))
        };
        judged.state(self.view, self.node) == TriggerState::Clear
            && (judged.trigger.condition.is_none() || is_over())
    }

    pub(super) fn deadline(&self) -> Timestamp {
        let deadline = self.status.phase_deadline.as_ref();
        deadline.map_or_else(|| self.now(), |time| time.0)
    }

    pub(super) fn since(&self) -> Timestamp {
        let since = self.status.phase_since.as_ref();
        since.map_or_else(|| self.now(), |time| time.0)
    }

    /// The slot that the incident holds.
    pub(super) fn slot(&self) -> Option<&'a Slot> {
        let slot = self.view.slot(&self.node.name)?;
        (slot.remediation == self.name).then_some(slot)
    }

    /// Whether the ledger that is seen remembers that the rung at work took its
    /// slot. The watches of ledger and incidents are not in step: one that does
    /// not may be older than the slot.
    pub(super) fn is_in_history(&self) -> bool {
        let Some(rung) = record::current_rung(&self.status) else {
            return false;
        };
        let ledger = self.view.snapshot.ledger.iter();
        let history = ledger
            .filter_map(|l| l.status.as_ref())
            .flat_map(|s| &s.history);
        history
            .into_iter()
            .any(|entry| entry.node == self.node.name && entry.at == rung.started_at)
    }

    /// The remedy at work and the id of its command; none where the record says
    /// that something else is at work than the phase is about.
    pub(super) fn at_work(&self) -> Option<(&'a Remedy, String)> {
        let rung = record::current_rung(&self.status)?;
        let mut ladder = ladder::of(self.remediation).iter();
        let remedy = ladder.find(|remedy| remedy.name == rung.remedy)?;
        let kind = remedy.kind().filter(|kind| *kind == rung.action)?;
        let is_of_phase = match kind {
            RemedyKind::DropCaches => {
                matches!(self.status.phase, Phase::DroppingCaches | Phase::Verifying)
            }
            RemedyKind::Cordon => matches!(self.status.phase, Phase::Cordoning | Phase::Holding),
            RemedyKind::HandOver => self.status.phase == Phase::HandedOver,
            RemedyKind::Reboot => matches!(
                self.status.phase,
                Phase::Cordoning
                    | Phase::Draining
                    | Phase::Rebooting
                    | Phase::Proving
                    | Phase::Soaking
            ),
        };
        if !is_of_phase {
            return None;
        }
        Some((remedy, rung.command_id.clone()?))
    }

    pub(super) fn answer(&self, id: &str) -> Option<CommandStatus> {
        let command = self.health()?.status.as_ref()?.command.as_ref()?;
        (command.id == id).then(|| command.clone())
    }

    pub(super) fn enter(&mut self, phase: Phase, deadline: Option<Timestamp>, text: &str) {
        let now = self.now();
        self.status.gate = None;
        record::set_blockers(&mut self.status, Vec::new(), now);
        record::enter(&mut self.status, phase, now, deadline, text);
    }

    pub(super) fn block(&mut self, reasons: Vec<No>) {
        let now = self.now();
        record::set_blockers(&mut self.status, reasons, now);
    }

    pub(super) fn end(&mut self, outcome: Outcome, text: &str) {
        let now = self.now();
        record::end(&mut self.status, outcome, now, text);
    }

    /// Ends the rung at work.
    pub(super) fn end_rung(&mut self, result: RungResult, text: &str) {
        let now = self.now();
        if record::current_rung(&self.status).is_some() {
            record::end_rung(&mut self.status, result, now, text);
        }
    }

    pub(super) fn has_next_rung(&self) -> bool {
        self.status.rungs.len() < ladder::of(self.remediation).len()
    }

    /// The rung did not help, and the node is as it was: the next one, or the
    /// end.
    pub(super) fn next_rung(&mut self, result: RungResult, text: &str) {
        self.end_rung(result, text);
        if self.has_next_rung() {
            let text = format!("{text}; the next remedy waits for its turn");
            self.enter(Phase::Pending, None, &text);
        } else {
            self.end(Outcome::NotFixed, text);
        }
    }

    /// The node was cordoned and not rebooted: it is uncordoned. Then the next
    /// rung follows where the remedy did not work, or the end: who gave the
    /// incident up or took the node over wants no other remedy.
    pub(super) fn give_up(&mut self, result: RungResult, outcome: Outcome, text: &str) {
        self.end_rung(result, text);
        let has_next = self.has_next_rung() && outcome == Outcome::NotFixed;
        self.status.ending = (!has_next).then_some(outcome);
        self.enter(Phase::Uncordoning, None, text);
    }

    /// The node was rebooted, or handled otherwise, and is not well: the next rung
    /// while it stays cordoned, or what the policy says of a failure.
    pub(super) fn failed(&mut self, result: RungResult, outcome: Outcome, text: &str) {
        if !self.has_next_rung() {
            return self.fail(result, outcome, text);
        }
        self.end_rung(result, text);
        // What is not Ready, or goes down yet, is given back to nobody.
        if self.keeps_cordoned() || !self.node.is_ready() || self.may_go_down() {
            let text = format!("{text}; the next remedy waits for its turn");
            self.enter(Phase::Pending, None, &text);
        } else {
            self.status.ending = None;
            self.enter(Phase::Uncordoning, None, text);
        }
    }

    /// The same, and no rung follows.
    pub(super) fn fail(&mut self, result: RungResult, outcome: Outcome, text: &str) {
        self.end_rung(result, text);
        // One that is not Ready yet is uncordoned later, which the end leaves to the
        // marks.
        let is_back = self.node.is_ready() && !self.may_go_down();
        if self.is_cordoned() && !self.keeps_cordoned() && is_back {
            self.status.ending = Some(outcome);
            self.enter(Phase::Uncordoning, None, text);
        } else {
            self.end(outcome, text);
        }
    }

    fn may_go_down(&self) -> bool {
        marks::may_go_down(self.view, self.node, &self.status)
    }

    fn keeps_cordoned(&self) -> bool {
        let policy = self.remediation.spec.policy.as_ref();
        policy.is_none_or(|it| it.after_failure == AfterFailure::KeepCordoned)
    }

    /// Whether the node carries the cordon of this incident.
    pub(super) fn is_cordoned(&self) -> bool {
        self.node.unschedulable && self.node.cordoned_by() == Some(&self.name)
    }

    /// Who took the node out of our hands, as a sentence.
    pub(super) fn yielded(&self) -> Option<String> {
        if self.is_cordoned() {
            return None;
        }
        Some(match (self.node.unschedulable, self.node.cordoned_by()) {
            (false, _) => "somebody uncordoned the node, which is theirs now".to_owned(),
            (true, Some(by)) => format!("incident {by} holds the node's cordon now"),
            (true, None) => "somebody took the node's cordon over".to_owned(),
        })
    }

    /// Who else is about to take the node away, as a sentence.
    pub(super) fn superseded(&self) -> Option<String> {
        if self.node.deleting {
            return Some("the Node is being deleted".to_owned());
        }
        select::owner(self.node)
    }

    /// That the node was rebooted since its slot was taken, as a sentence.
    pub(super) fn rebooted(&self) -> Option<String> {
        let proof = self.status.proof.as_ref().and_then(|it| it.boot.as_ref());
        let recorded = proof.map(|boot| boot.boot_id_before.as_str());
        let before = recorded.or_else(|| self.slot()?.boot_id.as_deref())?;
        let of_probe = self
            .health()
            .and_then(|it| it.status.as_ref()?.boot_id.as_deref());
        let seen = [self.node.boot_id.as_deref(), of_probe];
        let mut known = seen.into_iter().flatten().filter(|id| !id.is_empty());
        let other = known.find(|id| *id != before)?;
        Some(format!("boot {before} is over, {other} runs"))
    }

    /// Gives the slot back.
    pub(super) fn release(&mut self) {
        let Some(slot) = self.slot() else {
            return;
        };
        let since = slot.since.0;
        let mut rungs = self.status.rungs.iter().rev();
        let own = rungs.find(|rung| record::has_slot_of(rung, since));
        let is_disruptive = slot.kind.is_disruptive();
        // A reboot that was never ordered counts as a cordon. Of what is not on record nobody
        // knows.
        let was_none = own.is_some_and(|it| it.action == RemedyKind::Reboot && it.epoch.is_none());
        let correct = was_none.then_some((since, RemedyKind::Cordon));
        self.actions.push(Action::ReleaseSlot(Release {
            node: self.node.name.clone(),
            remediation: self.name.clone(),
            disruption_ended: is_disruptive.then(|| self.now()),
            correct,
        }));
    }

    pub(super) fn measured(&mut self, proof: Proof) {
        if let Some(rung) = self.status.rungs.last_mut() {
            rung.after.clone_from(&proof.after);
        }
        let boot = self.status.proof.as_ref().and_then(|it| it.boot.clone());
        self.status.proof = Some(Proof {
            boot: proof.boot.clone().or(boot),
            ..proof
        });
    }
}
