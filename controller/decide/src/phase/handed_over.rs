//! Another remediator is at work. It cordons and drains; nothing of that is done
//! here.

use jiff::SignedDuration;
use unstall_crds::condition::BlockedReason;
use unstall_crds::remediation::{Outcome, Phase, RungResult};

use super::step::Step;
use crate::judge::add;
use crate::no::No;
use crate::snapshot::HandedOver;
use crate::{Action, ladder, problem, record, select};

/// So long a human waits for the other remediator's object to be taken back.
const TAKE_BACK_LIMIT: SignedDuration = SignedDuration::from_secs(60);

/// So much of what the API server says is told, in characters.
const WHY_MAX: usize = 300;

/// How it ends.
struct End {
    result: RungResult,
    outcome: Outcome,
    text: String,
}

impl End {
    fn new(result: RungResult, outcome: Outcome, text: &str) -> Self {
        Self {
            result,
            outcome,
            text: text.to_owned(),
        }
    }
}

impl Step<'_, '_> {
    pub(super) fn handed_over(&mut self) {
        if self.at_work().is_none() {
            return self.record_gone();
        }
        let Some(template) = ladder::template_at_work(self.remediation, &self.status) else {
            return self.record_gone();
        };
        if let Some(end) = self.is_over() {
            return self.take_back(end);
        }
        match self.view.snapshot.handed_over.get(&self.name) {
            None => {
                let text = "it is not known yet whether the other remediator's object is there";
                self.block(vec![No::new(BlockedReason::HandedOver, text)]);
            }
            Some(HandedOver::NoTemplate) => {
                self.release();
                let text = format!("there is no {} {}", template.kind, template.name);
                self.next_rung(RungResult::Failed, &text);
            }
            Some(HandedOver::Forbidden) => {
                self.release();
                let text = problem::no_right(&template);
                self.next_rung(RungResult::Failed, &text);
            }
            Some(HandedOver::Refused(why)) => {
                self.release();
                let kind = template.kind.trim_end_matches("Template");
                let why = record::cut(why, WHY_MAX);
                let text = format!("{kind} {} could not be made: {why}", self.node.name);
                self.next_rung(RungResult::Failed, &text);
            }
            Some(HandedOver::Foreign) => {
                let kind = template.kind.trim_end_matches("Template");
                let text = format!(
                    "{kind} {} is there already, and was not made for this incident",
                    self.node.name
                );
                let no = No::new(BlockedReason::HandedOver, text);
                self.block(vec![no.on(format!("{kind}/{}", self.node.name))]);
            }
            Some(HandedOver::Absent) if self.slot().is_none() => {}
            Some(HandedOver::Absent) => self.actions.push(Action::HandOver {
                node: self.node.name.clone(),
                remediation: self.name.clone(),
                template,
            }),
            Some(HandedOver::Present) => {
                let kind = template.kind.trim_end_matches("Template");
                let text = format!("{kind} {} is at work", self.node.name);
                let no = No::new(BlockedReason::HandedOver, text);
                self.block(vec![no.on(format!("{kind}/{}", self.node.name))]);
            }
        }
    }

    fn is_over(&self) -> Option<End> {
        if self.is_released() {
            let text = "a human released the node";
            return Some(End::new(RungResult::Aborted, Outcome::Aborted, text));
        }
        if let Some(annotation) = select::opted_out(self.node) {
            let text = format!("annotation {annotation} on the Node opts out");
            return Some(End::new(RungResult::Aborted, Outcome::Aborted, &text));
        }
        let is_late = self.now() > self.deadline();
        if self.slot().is_none() && (self.is_in_history() || is_late) {
            let text = "its slot is not in the ledger any more: nothing is done without one";
            return Some(End::new(RungResult::Failed, Outcome::Aborted, text));
        }
        if self.is_cured() && self.node.is_ready() {
            let text = "the trigger cleared while another remediator was at work";
            return Some(End::new(RungResult::Cured, Outcome::Fixed, text));
        }
        let text = "the other remediator did not cure the node in time";
        is_late.then(|| End::new(RungResult::NoEffect, Outcome::NotFixed, text))
    }

    /// Takes the object back, and ends once none of ours is there.
    fn take_back(&mut self, end: End) {
        let sight = self.view.snapshot.handed_over.get(&self.name);
        // One that was not looked at yet, by this leader, may be there.
        let is_there = matches!(sight, None | Some(HandedOver::Present));
        let template = ladder::template_at_work(self.remediation, &self.status);
        if let Some(template) = template.filter(|_| is_there && !self.is_taken_back_in_vain()) {
            let text = "the other remediator's object is taken back first";
            let no = No::new(BlockedReason::HandedOver, text);
            self.block(vec![no.on(self.taking())]);
            return self.actions.push(Action::TakeBack {
                node: self.node.name.clone(),
                remediation: self.name.clone(),
                template,
            });
        }
        self.release();
        self.end_rung(end.result, &end.text);
        if end.outcome == Outcome::NotFixed && self.has_next_rung() {
            self.enter(Phase::Pending, None, &end.text);
        } else {
            self.end(end.outcome, &end.text);
        }
    }

    /// What the reason hangs on while the object is taken back.
    fn taking(&self) -> String {
        format!("Node/{}", self.node.name)
    }

    /// Whether a human wants the node, and an API that does not answer stands against it: it
    /// was tried for long enough.
    fn is_taken_back_in_vain(&self) -> bool {
        let object = self.taking();
        let mut blockers = self.status.blockers.iter();
        let begun = blockers.find(|it| {
            it.reason == BlockedReason::HandedOver && it.object.as_ref() == Some(&object)
        });
        self.is_released() && begun.is_some_and(|it| self.now() > add(it.since.0, TAKE_BACK_LIMIT))
    }
}
