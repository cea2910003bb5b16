//! The node is cured and watched before it takes pods again.

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use unstall_crds::condition::BlockedReason;
use unstall_crds::health::TriggerState;
use unstall_crds::remediation::{GatePoint, Outcome, Phase, RungResult};

use super::step::Step;
use crate::judge::{Hearing, add, signed};
use crate::no::No;
use crate::{proof, record, rollout};

impl Step<'_, '_> {
    pub(super) fn soaking(&mut self) {
        let policy = self.remediation.spec.policy.as_ref();
        let (Some(_), Some(policy)) = (self.at_work(), policy) else {
            return self.record_gone();
        };
        if let Some(text) = self.yielded() {
            return self.end_yielded(RungResult::Cured, &text);
        }
        if self.fires() {
            let judged = self.judged();
            let measured = judged.and_then(|it| proof::before(self.view, self.node, &it));
            let value = measured.map_or(String::new(), |it| format!(": it is {}", it.value));
            let text = format!("the trigger fired again while the node was watched{value}");
            if let Some(proof) = &mut self.status.proof {
                proof.remains = Some(text.clone());
            }
            return self.failed(RungResult::Recurred, Outcome::Recurred, &text);
        }
        let missing = self.missing();
        let now = self.now();
        if missing.is_empty() {
            self.status.good_since.get_or_insert(Time(now));
        } else {
            self.status.good_since = None;
        }
        if self.status.gate.is_some() {
            return self.wait_at_gate(missing, signed(policy.soak.timeout.get()));
        }
        let is_late = now > self.deadline();
        let good_for = self.status.good_since.as_ref();
        let is_good =
            good_for.is_some_and(|since| now >= add(since.0, signed(policy.soak.r#for.get())));
        if !is_good {
            return self.keep_watching(missing, is_late);
        }
        let text = self.proven();
        self.pass_last_gates(&text);
    }

    /// The node was well for long enough, and others hold it up. If it is not well
    /// any more, its soak begins anew.
    fn wait_at_gate(&mut self, missing: Vec<No>, limit: SignedDuration) {
        let mut missing = missing.into_iter().peekable();
        let is_unwell = |no: &No| no.reason != BlockedReason::PodsUnplaced;
        if missing.peek().is_some_and(is_unwell) {
            self.status.gate = None;
            self.status.phase_deadline = Some(Time(add(self.now(), limit)));
            return self.block(missing.collect());
        }
        let text = self.proven();
        self.pass_last_gates(&text);
    }

    fn pass_last_gates(&mut self, text: &str) {
        if let Some(passed) = self.pass_gates(GatePoint::BeforeUncordon) {
            self.well(&format!("{text}{passed}"));
        }
    }

    fn keep_watching(&mut self, missing: Vec<No>, is_late: bool) {
        if !is_late {
            return self.block(missing);
        }
        let only_pods = missing
            .iter()
            .all(|no| no.reason == BlockedReason::PodsUnplaced);
        match missing.first() {
            // They may need this very node.
            Some(no) if only_pods => {
                let text = format!("{}; uncordoned, so that they may come here", no.text);
                self.pass_last_gates(&text);
            }
            Some(no) => {
                let text = format!("the node was not well for long enough: {}", no.text);
                self.failed(RungResult::Failed, Outcome::Failed, &text);
            }
            // Good at last: it may finish.
            None => self.block(Vec::new()),
        }
    }

    /// The rung cured the node, which is given back.
    fn well(&mut self, text: &str) {
        if let Some(policy) = self.view.policy(&self.policy)
            && let Some(rung) = self.status.rungs.last_mut()
        {
            rung.comparison = rollout::compare(self.view, policy, self.node, &rung.comparison);
        }
        self.end_rung(RungResult::Cured, text);
        self.status.ending = Some(Outcome::Fixed);
        self.enter(Phase::Uncordoning, None, text);
    }

    /// What was proven, as the phase that proved it says.
    fn proven(&self) -> String {
        let mut phases = self.status.phases.iter().rev();
        let soaking = phases.find(|it| it.phase == Phase::Soaking);
        let text = soaking.and_then(|it| it.message.clone());
        text.unwrap_or_else(|| "the node is well".to_owned())
    }

    /// Whether the trigger fires.
    pub(super) fn fires(&self) -> bool {
        let judged = self.judged();
        judged.is_some_and(|it| it.state(self.view, self.node) == TriggerState::Firing)
    }

    /// What the node does not show yet.
    fn missing(&self) -> Vec<No> {
        let mut missing = Vec::new();
        if !self.node.is_ready() {
            missing.push(No::new(
                BlockedReason::NodeNotReady,
                "the node is not Ready",
            ));
        }
        if let Some(judged) = self.judged()
            && judged.state(self.view, self.node) != TriggerState::Clear
        {
            let text = format!(
                "it cannot be told whether trigger {} fires",
                judged.trigger.name
            );
            missing.push(No::new(BlockedReason::TriggerNotClear, text));
        }
        if let Some(no) = self.still_there().or_else(|| self.silent()) {
            missing.push(no);
        }
        missing.extend(self.unplaced());
        missing
    }

    /// That the condition that fired holds, if not for long enough to fire again.
    fn still_there(&self) -> Option<No> {
        let judged = self.judged()?;
        judged.trigger.condition.as_ref()?;
        match proof::since_boot(self.view, self.node, &judged, None) {
            proof::Verdict::NotCured { remains, .. } => {
                Some(No::new(BlockedReason::TriggerNotClear, remains))
            }
            proof::Verdict::Waiting(_) | proof::Verdict::Cured(_) => None,
        }
    }

    /// A probe that went silent after its node was proven: a node that is well
    /// runs its probe.
    fn silent(&self) -> Option<No> {
        match self.view.hearing(self.node) {
            Hearing::Heard => None,
            Hearing::Silent { since } => {
                let text = format!("the node's probe is silent since {since:.0}");
                Some(No::new(BlockedReason::ProbeSilent, text))
            }
            Hearing::NoProbe => {
                let text = "no probe reports from the node";
                Some(No::new(BlockedReason::NoProbe, text))
            }
        }
    }

    /// Pods without a node whose controllers had pods here. Those that only a cordoned
    /// node could take wait for this one to be given back.
    fn unplaced(&self) -> Option<No> {
        let displaced = &self.status.drain.as_ref()?.displaced;
        if displaced.is_empty() {
            return None;
        }
        let Some(pods) = &self.view.snapshot.unplaced else {
            let text = "it is not known yet whether evicted pods have a node";
            return Some(No::new(BlockedReason::PodsUnplaced, text));
        };
        let mut waiting: Vec<String> = pods
            .iter()
            .filter(|pod| !pod.needs_cordoned)
            .filter(|pod| {
                let owner = pod.owner.as_ref().map(|owner| &owner.uid);
                displaced.iter().any(|it| Some(&it.uid) == owner)
            })
            .map(crate::pods::Pod::path)
            .collect();
        waiting.sort();
        let first = waiting.first()?;
        let text = match waiting.len() - 1 {
            0 => format!("pod {first} has no node yet"),
            more => format!("pod {first} and {more} more have no node yet"),
        };
        Some(No::new(
            BlockedReason::PodsUnplaced,
            record::cut(&text, 512),
        ))
    }
}
