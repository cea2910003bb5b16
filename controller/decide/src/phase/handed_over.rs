//! Another remediator is at work. It cordons and drains; nothing of that is done
//! here.

use unstall_crds::condition::BlockedReason;
use unstall_crds::health::TriggerState;
use unstall_crds::policy::TemplateReference;
use unstall_crds::remediation::{Outcome, Phase, RungResult};

use super::step::Step;
use crate::Action;
use crate::no::No;
use crate::snapshot::HandedOver;

impl Step<'_, '_> {
    pub(super) fn handed_over(&mut self) {
        let Some((remedy, _)) = self.at_work() else {
            return self.record_gone();
        };
        let Some(template) = remedy.hand_over.as_ref().map(|it| it.template.clone()) else {
            return self.record_gone();
        };
        let state = self.judged().map(|it| it.state(self.view, self.node));
        let object = self.view.snapshot.handed_over.get(&self.name).copied();
        let is_cured = state == Some(TriggerState::Clear) && self.node.is_ready();
        if is_cured || self.now() > self.deadline() {
            return self.take_back(template, object, is_cured);
        }
        match object {
            None => {
                let text = "it is not known yet whether the other remediator's object is there";
                self.block(vec![No::new(BlockedReason::HandedOver, text)]);
            }
            Some(HandedOver::NoTemplate) => {
                let text = format!("there is no {} {}", template.kind, template.name);
                self.next_rung(RungResult::Failed, &text);
            }
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

    fn take_back(
        &mut self,
        template: TemplateReference,
        object: Option<HandedOver>,
        is_cured: bool,
    ) {
        if object != Some(HandedOver::Absent) && object != Some(HandedOver::NoTemplate) {
            return self.actions.push(Action::TakeBack {
                node: self.node.name.clone(),
                remediation: self.name.clone(),
                template,
            });
        }
        self.release();
        if is_cured {
            let text = "the trigger cleared while another remediator was at work";
            self.end_rung(RungResult::Cured, text);
            return self.end(Outcome::Fixed, text);
        }
        let text = "the other remediator did not cure the node in time";
        self.end_rung(RungResult::NoEffect, text);
        if self.has_next_rung() {
            self.enter(Phase::Pending, None, text);
        } else {
            self.end(Outcome::NotFixed, text);
        }
    }
}
