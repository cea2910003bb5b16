//! Measuring again, and what that proves.

use unstall_crds::policy::Trigger;
use unstall_crds::remediation::{Measurement, Outcome, Proof, RungResult};
use unstall_crds::signal::{SignalName, Statistic};

use super::step::{Step, add};
use crate::{judge, proof, record};

impl Step<'_> {
    pub(super) fn verifying(&mut self, policy: &str, trigger: &Trigger) {
        let now = self.snapshot.now;
        let Some((remedy, id)) = self.at_work() else {
            let text = "the record of the remedy at work is gone";
            return record::end(&mut self.status, Outcome::Failed, now, text);
        };
        let since = self.status.phase_since.as_ref().map_or(now, |time| time.0);
        if now < add(since, judge::signed(remedy.settle.get())) {
            return;
        }
        let before = record::current_rung(&self.status).and_then(|rung| rung.before.clone());
        let finished = self.answer(&id).and_then(|answer| answer.finished_at);
        let verdict = match (self.health(), finished) {
            (Some(health), Some(finished)) => {
                proof::verdict(health, policy, trigger, before.as_ref(), finished.0)
            }
            _ => proof::Verdict::Waiting(
                "the probe does not tell of the command any more".to_owned(),
            ),
        };
        let deadline = self
            .status
            .phase_deadline
            .as_ref()
            .map_or(now, |time| time.0);
        match verdict {
            proof::Verdict::Waiting(_) if now <= deadline => {}
            proof::Verdict::Waiting(text) => {
                self.next_rung(RungResult::Failed, &format!("nothing is proven: {text}"));
            }
            proof::Verdict::Cured(after) => {
                let text = cured(before.as_ref(), &after);
                self.measured(Proof {
                    before,
                    after: Some(after),
                    ..Proof::default()
                });
                record::end_rung(&mut self.status, RungResult::Cured, now, &text);
                record::end(&mut self.status, Outcome::Fixed, now, &text);
            }
            proof::Verdict::NotCured { after, remains } => {
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

    fn measured(&mut self, proof: Proof) {
        if let Some(rung) = self.status.rungs.last_mut() {
            rung.after.clone_from(&proof.after);
        }
        self.status.proof = Some(proof);
    }
}

fn cured(before: Option<&Measurement>, after: &Measurement) -> String {
    let zombies = |m: &Measurement| {
        m.zombie_memcgs
            .map_or("unknown".to_owned(), |count| count.to_string())
    };
    let name = after.signal.map_or("the signal", SignalName::as_str);
    let statistic = after.statistic.map_or("value", Statistic::as_str);
    let (value, count) = before.map_or(("unknown".to_owned(), "unknown".to_owned()), |m| {
        (m.value.clone(), zombies(m))
    });
    format!(
        "{statistic} of {name} is {} (was {value}), zombie memcgs {} (were {count})",
        after.value,
        zombies(after)
    )
}
