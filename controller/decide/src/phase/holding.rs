//! The node is held for a human, as it is.

use unstall_crds::condition::BlockedReason;
use unstall_crds::remediation::{Outcome, Phase, RungResult};

use super::step::Step;
use crate::no::No;

impl Step<'_, '_> {
    pub(super) fn holding(&mut self) {
        if let Some(text) = self.yielded() {
            return self.let_go(&text);
        }
        if let Some(text) = self.superseded() {
            return self.give_up(RungResult::Aborted, Outcome::Superseded, &text);
        }
        let text = format!(
            "the node waits for a human: uncordon it, or add {} to spec.release of the DisruptionLedger",
            self.node.name
        );
        self.block(vec![No::new(BlockedReason::HeldForHuman, text)]);
    }

    /// A human lifted it; how the node is now says how it ended.
    pub(super) fn let_go(&mut self, text: &str) {
        let (result, outcome) = match self.judged().is_none() || self.is_cured() {
            true => (RungResult::Cured, Outcome::Fixed),
            false => (RungResult::NoEffect, Outcome::NotFixed),
        };
        self.end_rung(result, text);
        self.status.ending = Some(outcome);
        self.enter(Phase::Uncordoning, None, text);
    }
}
