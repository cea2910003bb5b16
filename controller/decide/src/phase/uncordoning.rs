//! The node is being given back. What is removed from it follows from the phase
//! (`marks`), so that it is repeated until nothing is left.

use unstall_crds::condition::BlockedReason;
use unstall_crds::remediation::{Outcome, Phase};

use super::begin::CORDON_LIMIT;
use super::step::Step;
use crate::judge::add;
use crate::marks;
use crate::no::No;

impl Step<'_, '_> {
    pub(super) fn uncordoning(&mut self) {
        if marks::are_left(self.node, &self.name) {
            let since = self.since();
            if self.now() > add(since, CORDON_LIMIT) {
                let text = format!(
                    "cordon and marks could not be taken from the Node since {since:.0}: the controller's log has the \
                     API server's words; kubectl uncordon opens the node meanwhile"
                );
                let object = format!("Node/{}", self.node.name);
                self.block(vec![No::new(BlockedReason::MarksStay, text).on(object)]);
            }
            return;
        }
        self.release();
        let text = self.status.message.clone().unwrap_or_default();
        match self.status.ending {
            Some(outcome) => self.end(outcome, &text),
            None => {
                let text = format!("{text}; the next remedy waits for its turn");
                self.enter(Phase::Pending, None, &text);
            }
        }
    }

    /// Whether a human wants the node's slot back.
    pub(super) fn is_released(&self) -> bool {
        let ledger = self.view.snapshot.ledger.as_ref();
        ledger.is_some_and(|it| it.spec.release.contains(&self.node.name))
    }

    /// A human looked after the node: whatever is at work ends.
    pub(super) fn released(&mut self) {
        use unstall_crds::remediation::RungResult;
        let text = "a human released the node";
        let outcome = match self.status.phase {
            Phase::Holding => return self.let_go(text),
            Phase::HandedOver => return self.handed_over(),
            Phase::Uncordoning => return self.uncordoning(),
            Phase::DroppingCaches | Phase::Verifying => {
                self.end_rung(RungResult::Aborted, text);
                return self.end(Outcome::Aborted, text);
            }
            Phase::Cordoning | Phase::Draining => Outcome::Aborted,
            _ => Outcome::Failed,
        };
        self.end_rung(RungResult::Aborted, text);
        self.status.ending = Some(outcome);
        self.enter(Phase::Uncordoning, None, text);
    }
}
