//! Measuring again, and what that proves.

use unstall_crds::policy::Trigger;
use unstall_crds::remediation::{Measurement, Outcome, Proof, RungResult};
use unstall_crds::signal::{SignalName, Statistic};

use super::step::Step;
use crate::judge::{self, add};
use crate::proof::Verdict;
use crate::{Node, proof, record};

impl Step<'_, '_> {
    pub(super) fn verifying(&mut self) {
        let now = self.now();
        let Some((remedy, id)) = self.at_work() else {
            return self.record_gone();
        };
        let Some(judged) = self.judged() else {
            return self.end(Outcome::Aborted, "there is no trigger to measure again");
        };
        if now < add(self.since(), judge::signed(remedy.settle.get())) {
            return;
        }
        let before = record::current_rung(&self.status).and_then(|rung| rung.before.clone());
        let finished = self.answer(&id).and_then(|answer| answer.finished_at);
        let verdict = match finished {
            Some(finished) => {
                proof::since_command(self.view, self.node, &judged, before.as_ref(), finished.0)
            }
            None => Verdict::Waiting("the probe does not tell of the command any more".to_owned()),
        };
        match verdict {
            Verdict::Waiting(_) if now <= self.deadline() => {}
            Verdict::Waiting(text) => {
                self.next_rung(RungResult::Failed, &format!("nothing is proven: {text}"));
            }
            Verdict::Cured(after) => {
                let text = cured(self.node, judged.trigger, before.as_ref(), &after);
                self.measured(Proof {
                    before,
                    after: Some(after),
                    ..Proof::default()
                });
                self.end_rung(RungResult::Cured, &text);
                self.end(Outcome::Fixed, &text);
            }
            Verdict::NotCured { after, remains } => {
                self.measured(Proof {
                    before,
                    after: Some(after),
                    remains: Some(record::cut(&remains, 512)),
                    ..Proof::default()
                });
                self.next_rung(RungResult::NoEffect, &remains);
            }
        }
    }
}

/// What was measured, beside what it was.
pub(super) fn cured(
    node: &Node,
    trigger: &Trigger,
    before: Option<&Measurement>,
    after: &Measurement,
) -> String {
    if let Some(kernel) = judge::left_out(trigger, node) {
        return format!(
            "the node runs {}, on which trigger {} does not count",
            kernel.as_str(),
            trigger.name
        );
    }
    let was = before.map_or("unknown", |m| m.value.as_str());
    let is = &after.value;
    if let Some(condition) = &trigger.condition {
        return format!("condition {} is {is} (was {was})", condition.type_);
    }
    let Some(name) = after.signal else {
        return format!("the node runs {is} (ran {was})");
    };
    let zombies = |m: &Measurement| {
        m.zombie_memcgs
            .map_or("unknown".to_owned(), |count| count.to_string())
    };
    let statistic = after.statistic.map_or("value", Statistic::as_str);
    let count = before.map_or("unknown".to_owned(), zombies);
    format!(
        "{statistic} of {} is {is} (was {was}), zombie memcgs {} (were {count})",
        SignalName::as_str(name),
        zombies(after)
    )
}
