//! Waiting for its turn, and beginning a rung.

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use unstall_crds::health::TriggerState;
use unstall_crds::ledger::{HistoryEntry, Slot, SlotKind};
use unstall_crds::policy::{Mode, Remedy, RemedyKind, Trigger};
use unstall_crds::remediation::{Outcome, Phase, Proof, Rung, RungResult};

use super::step::{Step, add, drop_caches};
use crate::ladder::Next;
use crate::{Action, SlotRequest, budget, guard, judge, ladder, proof, record, select};

/// What a command takes beyond the remedy's own timeout: the probe's and the
/// actuator's polling, and the report back.
const ANSWER_MARGIN: SignedDuration = SignedDuration::from_secs(30);
/// What was done counts for this long at least: the caps are per 24 hours.
const HISTORY_TIME: SignedDuration = SignedDuration::from_hours(24);

impl Step<'_> {
    pub(super) fn pending(&mut self, policy: &str, trigger: &Trigger) {
        let now = self.snapshot.now;
        record::enter(
            &mut self.status,
            Phase::Pending,
            now,
            None,
            "waiting for its turn",
        );
        let state = judge::state(self.snapshot, self.node, policy, trigger);
        if self.status.rungs.is_empty() && state == TriggerState::Clear {
            let text = format!("trigger {} cleared before anything was done", trigger.name);
            return record::end(&mut self.status, Outcome::Aborted, now, &text);
        }
        if !self.is_enforced(policy) {
            let text = format!("policy {policy} is gone or does not enforce any more");
            return record::end(&mut self.status, Outcome::Aborted, now, &text);
        }
        if self.status.evidence.is_empty() {
            self.status.evidence = self.evidence(trigger);
        }
        if self.holds_slot() {
            // Taken in an earlier pass that was cut off after it.
            let ladder = self
                .remediation
                .spec
                .policy
                .as_ref()
                .map(|p| p.remedies.as_slice());
            if let Some(remedy) = ladder.and_then(|l| l.get(self.status.rungs.len())) {
                return self.begin(policy, trigger, &remedy.clone());
            }
        }
        match ladder::next(self.snapshot, self.node, self.remediation, &self.status) {
            Next::Exhausted => self.not_fixed("every remedy of the ladder was tried"),
            Next::Skip(remedy, text) => {
                let rung = self.rung(remedy);
                self.status.rungs.push(rung);
                record::end_rung(&mut self.status, RungResult::Skipped, now, &text);
            }
            Next::Stop(_, text) => self.not_fixed(&text),
            Next::Try(remedy) => self.wait_or_begin(policy, trigger, &remedy.clone()),
        }
    }

    fn is_enforced(&self, policy: &str) -> bool {
        let mut policies = self.snapshot.policies.iter();
        policies.any(|p| p.name_any() == policy && p.spec.mode == Mode::Enforce)
    }

    fn wait_or_begin(&mut self, policy: &str, trigger: &Trigger, remedy: &Remedy) {
        let is_begun = !self.status.rungs.is_empty();
        let reasons = guard::in_place(self.snapshot, self.node, self.in_use, is_begun);
        if !reasons.is_empty() {
            return record::set_blockers(&mut self.status, reasons, self.snapshot.now);
        }
        self.in_use.take();
        self.actions
            .push(Action::TakeSlot(self.slot_request(remedy)));
        self.begin(policy, trigger, remedy);
    }

    fn begin(&mut self, policy: &str, trigger: &Trigger, remedy: &Remedy) {
        let now = self.snapshot.now;
        record::set_blockers(&mut self.status, Vec::new(), now);
        let mut rung = self.rung(remedy);
        rung.before = self
            .health()
            .and_then(|health| proof::before(health, policy, trigger));
        self.status.proof = Some(Proof {
            before: rung.before.clone(),
            ..Proof::default()
        });
        self.status.rungs.push(rung);
        self.status.remedy = Some(remedy.name.clone());
        let limit = drop_caches(remedy).timeout.get();
        let deadline = add(now, judge::signed(limit) + ANSWER_MARGIN);
        let text = format!(
            "{}: ordering the node's actuator to drop caches",
            remedy.name
        );
        record::enter(
            &mut self.status,
            Phase::DroppingCaches,
            now,
            Some(deadline),
            &text,
        );
    }

    fn rung(&self, remedy: &Remedy) -> Rung {
        Rung {
            remedy: remedy.name.clone(),
            action: RemedyKind::DropCaches,
            result: None,
            started_at: Time(self.snapshot.now),
            finished_at: None,
            command_id: Some(format!("{}-{}", self.name, self.status.rungs.len() + 1)),
            epoch: Some(self.snapshot.epoch),
            approved_by: None,
            before: None,
            after: None,
            message: None,
        }
    }

    fn slot_request(&self, remedy: &Remedy) -> SlotRequest {
        let now = Time(self.snapshot.now);
        SlotRequest {
            slot: Slot {
                node: self.node.name.clone(),
                node_uid: self.node.uid.clone(),
                remediation: self.name.clone(),
                kind: SlotKind::InPlace,
                boot_id: None,
                epoch: self.snapshot.epoch,
                since: now.clone(),
            },
            history: HistoryEntry {
                node: self.node.name.clone(),
                action: RemedyKind::DropCaches,
                remedy: remedy.name.clone(),
                until: Time(add(now.0, HISTORY_TIME.max(self.cooldown()))),
                at: now,
            },
            limit: budget::limit(self.snapshot, self.node),
        }
    }

    fn cooldown(&self) -> SignedDuration {
        let policies = select::covering(self.snapshot, self.node);
        let cooldowns = policies
            .iter()
            .map(|p| p.spec.disruption.cooldown_per_node.get());
        judge::signed(cooldowns.max().unwrap_or_default())
    }
}
