//! Another boot runs: whether the node is back, and well.

use jiff::SignedDuration;
use unstall_crds::remediation::{BootProof, Outcome, Phase, Proof, RungResult};

use super::step::Step;
use super::verifying::cured;
use crate::judge::{self, add, signed};
use crate::proof::{Judged, Verdict};
use crate::{proof, record};

impl Step<'_, '_> {
    pub(super) fn proving(&mut self) {
        let Some((remedy, _)) = self.at_work() else {
            return self.record_gone();
        };
        let boot = self.boot_proof();
        let is_proven = boot.as_ref().is_some_and(BootProof::is_proven);
        if !is_proven || !self.node.is_ready() {
            return self.not_back(boot, signed(remedy.settle.get()));
        }
        self.keep(boot);
        if let Some(text) = self.yielded() {
            // Rebooted, and a human put it to work again.
            return self.end_yielded(RungResult::Aborted, &text);
        }
        let now = self.now();
        let since = self
            .status
            .good_since
            .get_or_insert(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now))
            .0;
        if now < add(since, signed(remedy.settle.get())) {
            return;
        }
        self.judge_proof();
    }

    /// It is not back, or not any more.
    fn not_back(&mut self, boot: Option<BootProof>, settle: SignedDuration) {
        self.status.good_since = None;
        let known = self.status.proof.as_ref().and_then(|it| it.boot.as_ref());
        let was_back = known.is_some_and(BootProof::is_proven);
        // The node's own time limit, from the order on, counts until it is back once; what
        // is measured afterwards has longer.
        let limit = match was_back {
            true => self.deadline(),
            false => add(self.deadline(), -proof::limit(self.trigger) - settle),
        };
        if self.now() <= limit {
            return;
        }
        let is_proven = boot.as_ref().is_some_and(BootProof::is_proven);
        let text = match (was_back, is_proven) {
            (true, _) => "the node was back with another boot and is not Ready any more",
            (false, true) => "the node has another boot but did not become Ready in time",
            (false, false) => "kubelet and probe did not both tell another boot in time",
        };
        if !was_back {
            self.keep(boot);
        }
        self.failed(RungResult::Failed, Outcome::Failed, text);
    }

    fn keep(&mut self, boot: Option<BootProof>) {
        if let (Some(proof), Some(boot)) = (self.status.proof.as_mut(), boot) {
            proof.boot = Some(boot);
        }
    }

    fn judge_proof(&mut self) {
        let before = record::current_rung(&self.status).and_then(|rung| rung.before.clone());
        let Some(judged) = self.judged() else {
            let text = "the node was rebooted; no trigger to measure again";
            return self.soak(text);
        };
        let is_late = self.now() > self.deadline();
        match proof::since_boot(self.view, self.node, &judged, before.as_ref()) {
            Verdict::Waiting(_) if !is_late => {}
            Verdict::Waiting(text) => {
                let text = format!("nothing is proven: {text}");
                self.failed(RungResult::Failed, Outcome::Failed, &text);
            }
            Verdict::Cured(after) => {
                let text = cured(self.node, judged.trigger, before.as_ref(), &after);
                self.measured(Proof {
                    before,
                    after: Some(after),
                    ..Proof::default()
                });
                self.soak(&text);
            }
            Verdict::NotCured { .. } if !is_late && self.may_settle(&judged) => {}
            Verdict::NotCured { after, remains } => {
                self.measured(Proof {
                    before,
                    after: Some(after),
                    remains: Some(record::cut(&remains, 512)),
                    ..Proof::default()
                });
                self.failed(RungResult::NoEffect, Outcome::NotFixed, &remains);
            }
        }
    }

    /// Whether what is still bad may be from before. A boot is a busy time, so that
    /// a signal may settle; and who reports a condition has to start first: it
    /// counts once it has stood as long as the trigger asks for.
    fn may_settle(&self, judged: &Judged<'_>) -> bool {
        if judged.trigger.signal.is_some() {
            return !self.fires();
        }
        let back = self.status.good_since.as_ref();
        judged.trigger.condition.as_ref().is_some_and(|condition| {
            let counts = back.map(|back| add(back.0, signed(condition.r#for.get())));
            counts.is_some_and(|counts| self.now() < counts)
        })
    }

    fn soak(&mut self, text: &str) {
        let soak = self.remediation.spec.policy.as_ref().map(|it| &it.soak);
        let limit = soak.map(|soak| signed(soak.timeout.get()));
        let deadline = add(self.now(), limit.unwrap_or_default());
        self.status.good_since = None;
        self.enter(Phase::Soaking, Some(deadline), text);
    }

    /// Ends because the node, which was rebooted, is somebody else's now.
    pub(super) fn end_yielded(&mut self, result: RungResult, text: &str) {
        self.end_rung(result, text);
        self.status.ending = Some(Outcome::Superseded);
        self.enter(Phase::Uncordoning, None, text);
    }

    /// What kubelet and probe say of the boot.
    fn boot_proof(&self) -> Option<BootProof> {
        let before = self.status.proof.as_ref()?.boot.clone()?;
        let of_probe = self
            .health()
            .and_then(|it| it.status.as_ref()?.boot_id.clone());
        let of_kubelet = self.node.boot_id.clone();
        // Both must tell the same: one alone may be late, or lie.
        let agreed = of_kubelet.filter(|id| Some(id) == of_probe.as_ref());
        let agreed = agreed.filter(|_| judge::boot(self.view.snapshot, self.node).is_some());
        Some(BootProof {
            kernel_after: agreed.as_ref().and(self.node.kernel.clone()),
            boot_id_after: agreed,
            ..before
        })
    }
}
