//! Waiting for its turn, and beginning a rung.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use unstall_crds::condition::BlockedReason;
use unstall_crds::health::TriggerState;
use unstall_crds::ledger::{HistoryEntry, Slot, SlotKind};
use unstall_crds::policy::{Mode, Remedy, RemedyKind, Trigger};
use unstall_crds::remediation::{Outcome, Phase, Proof, Rung, RungResult};

use super::step::{Step, add, drop_caches};
use crate::budget::InPlace;
use crate::guard::Reason;
use crate::judge::Hearing;
use crate::ladder::Next;
use crate::{Action, SlotRequest, guard, incident, judge, ladder, proof, record, select, support};

/// What a command takes beyond the remedy's own timeout: the probe's and the
/// actuator's polling, and the report back.
pub(super) const ANSWER_MARGIN: SignedDuration = SignedDuration::from_secs(30);
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
        if state == TriggerState::Clear {
            // A later remedy is stronger, and the node is well.
            let when = match record::was_tried(&self.status) {
                false => "anything was done",
                true => "the next remedy began",
            };
            let text = format!("trigger {} cleared before {when}", trigger.name);
            return record::end(&mut self.status, Outcome::Aborted, now, &text);
        }
        if let Some(text) = self.no_mandate(policy, trigger) {
            return record::end(&mut self.status, Outcome::Aborted, now, &text);
        }
        if self.status.evidence.is_empty() {
            self.status.evidence = self.evidence(trigger);
        }
        if let Some(since) = self.slot().map(|slot| slot.since.0) {
            if self.status.rungs.iter().any(|r| r.started_at.0 == since) {
                // Of the rung before. The next one takes a slot of its own, with
                // all that may forbid it and its own record in the history.
                return self.actions.push(Action::ReleaseSlot {
                    node: self.node.name.clone(),
                    remediation: self.name.clone(),
                });
            }
            // Taken in an earlier pass that was cut off after it.
            let ladder = self
                .remediation
                .spec
                .policy
                .as_ref()
                .map(|p| p.remedies.as_slice());
            if let Some(remedy) = ladder.and_then(|l| l.get(self.status.rungs.len())) {
                return self.go_on_or_release(policy, trigger, &remedy.clone(), since);
            }
        }
        match ladder::next(self.snapshot, self.node, self.remediation, &self.status) {
            Next::Exhausted => self.not_fixed("every remedy of the ladder was tried"),
            Next::Skip(remedy, text) => {
                let rung = self.rung(remedy, now);
                self.status.rungs.push(rung);
                record::end_rung(&mut self.status, RungResult::Skipped, now, &text);
            }
            Next::Stop(text) => self.not_fixed(&text),
            Next::Wait(text) => {
                let used_up = (BlockedReason::RemedyExhausted, text);
                let reasons = std::iter::once(used_up).chain(self.reasons(policy, trigger));
                record::set_blockers(&mut self.status, reasons.collect(), now);
            }
            Next::Try(remedy) => self.wait_or_begin(policy, trigger, &remedy.clone()),
        }
    }

    /// Why the policy does not stand behind the incident any more.
    fn no_mandate(&self, policy: &str, trigger: &Trigger) -> Option<String> {
        let mut policies = self.snapshot.policies.iter();
        let Some(found) = policies
            .find(|p| p.name_any() == policy)
            .filter(|p| p.spec.mode == Mode::Enforce)
        else {
            return Some(format!(
                "policy {policy} is gone or does not enforce any more"
            ));
        };
        if !select::covers(found, self.node) {
            return Some(format!("policy {policy} does not cover the node any more"));
        }
        if let Some(text) = support::unsupported(&found.spec) {
            return Some(format!("policy {policy} was changed: {text}"));
        }
        // The probe judges triggers as they are now: nothing would prove a cure
        // of what the trigger was.
        let hash = trigger.signal_hash();
        let mut triggers = found.spec.triggers.iter();
        let is_judged = triggers.any(|t| t.name == trigger.name && t.signal_hash() == hash);
        (!is_judged).then(|| {
            format!(
                "trigger {} of policy {policy} was changed or removed",
                trigger.name
            )
        })
    }

    /// What forbids to begin a rung now.
    fn reasons(&self, policy: &str, trigger: &Trigger) -> Vec<Reason> {
        let is_begun = record::was_tried(&self.status);
        self.reasons_beside(policy, trigger, self.in_use, is_begun)
    }

    fn reasons_beside(
        &self,
        policy: &str,
        trigger: &Trigger,
        in_use: &InPlace,
        is_begun: bool,
    ) -> Vec<Reason> {
        let mut reasons = guard::in_place(self.snapshot, self.node, in_use, is_begun);
        let is_heard = judge::hearing(self.snapshot, self.node) == Hearing::Heard;
        let state = judge::state(self.snapshot, self.node, policy, trigger);
        if is_heard && state == TriggerState::Unknown {
            let text = format!(
                "the probe cannot tell whether trigger {} fires",
                trigger.name
            );
            reasons.push((BlockedReason::SignalUnknown, text));
        }
        if let Some(other) = incident::before(self.snapshot, self.node, &self.name) {
            let text = format!("incident {other} on the node comes first");
            reasons.push((BlockedReason::OtherIncident, text));
        }
        reasons
    }

    fn wait_or_begin(&mut self, policy: &str, trigger: &Trigger, remedy: &Remedy) {
        let reasons = self.reasons(policy, trigger);
        if !reasons.is_empty() {
            return record::set_blockers(&mut self.status, reasons, self.snapshot.now);
        }
        let request = self.slot_request(remedy);
        self.in_use.take(&self.node.name);
        self.actions.push(Action::TakeSlot(request));
        self.begin(policy, trigger, remedy, self.snapshot.now);
    }

    /// The slot was taken at `since` in a pass that was cut off after it. Much
    /// may have changed since then, but its own slot and what that left in the
    /// history forbid nothing.
    fn go_on_or_release(
        &mut self,
        policy: &str,
        trigger: &Trigger,
        remedy: &Remedy,
        since: Timestamp,
    ) {
        let others = self.in_use.without(&self.node.name);
        let reasons = self.reasons_beside(policy, trigger, &others, true);
        if reasons.is_empty() {
            return self.begin(policy, trigger, remedy, since);
        }
        record::set_blockers(&mut self.status, reasons, self.snapshot.now);
        self.actions.push(Action::ReleaseSlot {
            node: self.node.name.clone(),
            remediation: self.name.clone(),
        });
    }

    /// Begins a rung whose slot was taken at `since`, by which the two are known
    /// to belong together.
    fn begin(&mut self, policy: &str, trigger: &Trigger, remedy: &Remedy, since: Timestamp) {
        let now = self.snapshot.now;
        record::set_blockers(&mut self.status, Vec::new(), now);
        let mut rung = self.rung(remedy, since);
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

    fn rung(&self, remedy: &Remedy, started_at: Timestamp) -> Rung {
        Rung {
            remedy: remedy.name.clone(),
            action: RemedyKind::DropCaches,
            result: None,
            started_at: Time(started_at),
            finished_at: None,
            command_id: Some(self.command_id()),
            epoch: Some(self.snapshot.epoch),
            approved_by: None,
            before: None,
            after: None,
            comparison: Vec::new(),
            message: None,
        }
    }

    /// Unique for ever: names of incidents come again when their records are
    /// deleted, UIDs do not. An actuator obeys an id once.
    fn command_id(&self) -> String {
        let uid = self.remediation.uid().unwrap_or_else(|| self.name.clone());
        format!("{uid}-{}", self.status.rungs.len() + 1)
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
            beside: self.in_use.nodes(),
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
