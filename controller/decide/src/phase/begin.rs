//! A rung begins: its slot, its record, its first phase.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use unstall_crds::ledger::{HistoryEntry, Slot, SlotKind};
use unstall_crds::policy::{Approval, DropCaches, Remedy, RemedyKind};
use unstall_crds::remediation::{BootProof, Origin, Phase, Proof, Rung};

use super::step::Step;
use crate::judge::{add, signed};
use crate::{Action, SlotRequest, judge, proof, rollout};

/// What a command takes beyond the remedy's own timeout: the probe's and the
/// actuator's polling, and the report back.
pub(super) const ANSWER_MARGIN: SignedDuration = SignedDuration::from_secs(30);
/// What was done counts for this long at least: the caps are per 24 hours.
const HISTORY_TIME: SignedDuration = SignedDuration::from_hours(24);
/// How long a node may take to become cordoned; the API server may be away.
pub(super) const CORDON_LIMIT: SignedDuration = SignedDuration::from_mins(5);

impl Step<'_, '_> {
    /// Takes the slot, and begins.
    pub(super) fn take(&mut self, remedy: &Remedy) {
        let Some(kind) = remedy.kind() else {
            return;
        };
        let slot = match kind {
            RemedyKind::DropCaches => SlotKind::InPlace,
            RemedyKind::Reboot | RemedyKind::Cordon | RemedyKind::HandOver => SlotKind::Disruptive,
        };
        let request = self.slot_request(remedy, kind, slot);
        self.usage.take(self.view, self.node, slot);
        let now = self.now();
        self.usage.hold(&self.node.name, &self.name, now);
        self.actions.push(Action::TakeSlot(request));
        self.begin(remedy, self.now());
    }

    /// Begins a rung whose slot was taken at `since`, by which the two are known
    /// to belong together.
    pub(super) fn begin(&mut self, remedy: &Remedy, since: Timestamp) {
        let now = self.now();
        let mut rung = self.rung(remedy, since);
        let judged = self.judged();
        rung.before = judged
            .as_ref()
            .and_then(|judged| proof::before(self.view, self.node, judged));
        let is_rollout = self.trigger.is_some_and(|trigger| trigger.is_rollout());
        if let Some(policy) = self.view.policy(&self.policy).filter(|_| is_rollout) {
            rung.comparison = rollout::remember(self.view, policy, self.node);
        }
        self.status.proof = Some(Proof {
            before: rung.before.clone(),
            boot: (rung.action == RemedyKind::Reboot)
                .then(|| self.boot_before())
                .flatten(),
            ..Proof::default()
        });
        let action = rung.action;
        self.status.rungs.push(rung);
        self.status.remedy = Some(remedy.name.clone());
        self.status.good_since = None;
        self.status.ending = None;
        let name = &remedy.name;
        match action {
            RemedyKind::DropCaches => {
                let limit = drop_caches(remedy).timeout.get();
                let deadline = add(now, signed(limit) + ANSWER_MARGIN);
                let text = format!("{name}: ordering the node's actuator to drop caches");
                self.enter(Phase::DroppingCaches, Some(deadline), &text);
            }
            RemedyKind::Reboot | RemedyKind::Cordon => {
                let deadline = add(now, CORDON_LIMIT);
                let text = format!("{name}: cordoning the node");
                self.enter(Phase::Cordoning, Some(deadline), &text);
            }
            RemedyKind::HandOver => {
                let limit = remedy.hand_over.as_ref().map(|it| signed(it.timeout.get()));
                let deadline = add(now, limit.unwrap_or_default());
                let text = format!("{name}: handing the node over to another remediator");
                self.enter(Phase::HandedOver, Some(deadline), &text);
            }
        }
    }

    /// The boot that a reboot is to end.
    fn boot_before(&self) -> Option<BootProof> {
        Some(BootProof {
            boot_id_before: judge::boot(self.view.snapshot, self.node)?.to_owned(),
            boot_id_after: None,
            kernel_before: self.node.kernel.clone(),
            kernel_after: None,
        })
    }

    pub(super) fn rung(&self, remedy: &Remedy, started_at: Timestamp) -> Rung {
        let action = remedy.kind().unwrap_or(RemedyKind::Cordon);
        // What is ordered at once is ordered in this epoch; other orders follow.
        let epoch = (action == RemedyKind::DropCaches).then_some(self.view.snapshot.epoch);
        Rung {
            remedy: remedy.name.clone(),
            action,
            result: None,
            started_at: Time(started_at),
            finished_at: None,
            command_id: Some(self.command_id()),
            epoch,
            approved_by: (remedy.approval == Approval::Manual).then(|| {
                let who = match self.remediation.spec.origin {
                    Origin::Manual => "whoever asked for the incident",
                    Origin::Policy => "spec.approve of the DisruptionLedger",
                };
                who.to_owned()
            }),
            before: None,
            after: None,
            comparison: Vec::new(),
            message: None,
        }
    }

    /// Made of the incident's UID: a name may come again.
    fn command_id(&self) -> String {
        let uid = self.remediation.uid().unwrap_or_else(|| self.name.clone());
        format!("{uid}-{}", self.status.rungs.len() + 1)
    }

    fn slot_request(&self, remedy: &Remedy, action: RemedyKind, kind: SlotKind) -> SlotRequest {
        let now = Time(self.now());
        let boot_id = judge::boot(self.view.snapshot, self.node);
        SlotRequest {
            slot: Slot {
                node: self.node.name.clone(),
                node_uid: self.node.uid.clone(),
                remediation: self.name.clone(),
                kind,
                boot_id: boot_id
                    .filter(|_| kind.is_disruptive())
                    .map(ToOwned::to_owned),
                epoch: self.view.snapshot.epoch,
                since: now.clone(),
            },
            history: HistoryEntry {
                node: self.node.name.clone(),
                action,
                remedy: remedy.name.clone(),
                until: Time(add(now.0, HISTORY_TIME.max(self.cooldown()))),
                at: now,
            },
            beside: self.usage.beside(&self.node.name),
            replaces: self.slot().map(|slot| slot.since.clone()),
        }
    }

    fn cooldown(&self) -> SignedDuration {
        let policies = self.view.covering(self.node);
        let cooldowns =
            policies.map(|it| signed(it.policy.spec.disruption.cooldown_per_node.get()));
        cooldowns.max().unwrap_or_default()
    }
}

/// The block of a remedy that drops caches.
pub fn drop_caches(remedy: &Remedy) -> DropCaches {
    remedy.drop_caches.clone().unwrap_or_default()
}
