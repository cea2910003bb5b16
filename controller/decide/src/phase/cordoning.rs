//! The node is being made unschedulable. The cordon itself follows from the
//! phase (`marks`), so that it is repeated until it stands.

use unstall_crds::policy::RemedyKind;
use unstall_crds::remediation::{GatePoint, Outcome, Phase, RungResult};

use super::draining::begins;
use super::step::Step;
use crate::judge::{add, signed};
use crate::{record, select};

impl Step<'_, '_> {
    pub(super) fn cordoning(&mut self) {
        if self.at_work().is_none() {
            return self.record_gone();
        }
        if self.lost_or_superseded() {
            return;
        }
        if !self.is_cordoned() {
            if self.node.unschedulable {
                let text = "somebody else cordoned the node meanwhile";
                return self.give_up(RungResult::Aborted, Outcome::Aborted, text);
            }
            // The cordon and its owner are one write: half of it was taken away.
            let was_cordoned =
                self.node.cordoned_by() == Some(&self.name) || self.status.gate.is_some();
            if let Some(text) = self.yielded().filter(|_| was_cordoned) {
                return self.give_up(RungResult::Aborted, Outcome::Aborted, &text);
            }
            if self.now() > self.deadline() {
                let text = "the node could not be cordoned in time";
                self.give_up(RungResult::Failed, Outcome::Aborted, text);
            }
            return;
        }
        let action = record::current_rung(&self.status).map(|rung| rung.action);
        if action == Some(RemedyKind::Cordon) {
            let text = "the node is cordoned and held for a human: uncordon it, or release it in the ledger";
            self.enter(Phase::Holding, None, text);
            return self.holding();
        }
        let Some(passed) = self.pass_gates(GatePoint::BeforeDrain) else {
            return;
        };
        let drain = self.remediation.spec.policy.as_ref().map(|it| &it.drain);
        let deadline = drain.map_or(self.now(), |drain| {
            add(begins(drain, self.now()), signed(drain.timeout.get()))
        });
        let text = format!("evicting the node's pods{passed}");
        self.enter(Phase::Draining, Some(deadline), &text);
        if let Some(no) = drain.and_then(|drain| self.is_leaving(drain)) {
            self.block(vec![no]);
        }
    }

    /// Whether the slot is gone, another actor takes the node, a human keeps us off
    /// it, or somebody rebooted it: then nothing more is done to it.
    pub(super) fn lost_or_superseded(&mut self) -> bool {
        if self.slot().is_none() {
            self.without_slot();
            return true;
        }
        if let Some(text) = self.superseded() {
            self.give_up(RungResult::Aborted, Outcome::Superseded, &text);
            return true;
        }
        if let Some(annotation) = select::opted_out(self.node) {
            let text = format!("annotation {annotation} on the Node opts out");
            self.give_up(RungResult::Aborted, Outcome::Aborted, &text);
            return true;
        }
        if let Some(text) = self.rebooted() {
            let text = format!("the node was rebooted by somebody else: {text}");
            // What was wrong may be gone: the next incident judges it anew.
            self.end_rung(RungResult::Aborted, &text);
            self.status.ending = Some(Outcome::Aborted);
            self.enter(Phase::Uncordoning, None, &text);
            return true;
        }
        false
    }
}
