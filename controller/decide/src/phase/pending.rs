//! Waiting for its turn.

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use unstall_crds::condition::BlockedReason;
use unstall_crds::health::TriggerState;
use unstall_crds::policy::{DrainTimeoutAction, Mode, Remedy, RemedyKind};
use unstall_crds::remediation::{Outcome, Phase, Rung, RungResult};

use super::step::Step;
use crate::guard::{self, Ask};
use crate::judge::{Hearing, add};
use crate::ladder::Next;
use crate::no::No;
use crate::{drain, incident, judge, ladder, record, rollout, wanted};

/// What an incident asks for is there within this.
const YOUNG: SignedDuration = SignedDuration::from_secs(10);
/// What holds a drain up until a human looks after it.
const FOR_GOOD: [BlockedReason; 3] = [
    BlockedReason::EmptyDirData,
    BlockedReason::UnmanagedPod,
    BlockedReason::DoNotDisrupt,
];

impl Step<'_, '_> {
    pub(super) fn pending(&mut self) {
        let now = self.now();
        let text = "waiting for its turn";
        record::enter(&mut self.status, Phase::Pending, now, None, text);
        if let Some(text) = self.unwanted() {
            return self.leave(&text);
        }
        if self.is_released() {
            return self.give_back("a human released the node");
        }
        if let Some(text) = self.gives_way_to_rollout() {
            return self.give_back(&text);
        }
        if self.status.evidence.is_empty() {
            self.status.evidence = self.evidence();
        }
        if let Some(since) = self.slot().map(|slot| slot.since.0) {
            let mut rungs = self.status.rungs.iter();
            let is_of_rung_before = rungs.any(|rung| record::has_slot_of(rung, since));
            if is_of_rung_before && let Some(text) = self.yielded_between() {
                return self.end(Outcome::Aborted, &text);
            }
            if is_of_rung_before && !self.is_cordoned() {
                // The next one takes a slot of its own, with all that may forbid
                // it and its own record in the history.
                return self.release();
            }
            let next = ladder::of(self.remediation).get(self.status.rungs.len());
            if let Some(remedy) = next.filter(|_| !is_of_rung_before) {
                // Taken in an earlier pass that was cut off after it.
                return self.go_on_or_release(remedy, since);
            }
        }
        match ladder::next(self.view, self.node, self.remediation, &self.status) {
            Next::Exhausted => self.close("every remedy of the ladder was tried"),
            Next::Skip(remedy, text) => {
                let rung = self.rung(remedy, now);
                self.status.rungs.push(rung);
                self.end_rung(RungResult::Skipped, &text);
            }
            Next::Stop(text) => self.close(&text),
            Next::Wait(used_up) => {
                if let Some(text) = self.gives_way(&used_up.text) {
                    return self.give_back(&record::cut(&text, 512));
                }
                let no = No::new(BlockedReason::RemedyExhausted, used_up.text);
                let first = used_up.until.map_or(no.clone(), |until| no.until(until));
                let remedy = &ladder::of(self.remediation)[self.status.rungs.len()];
                let reasons = std::iter::once(first).chain(self.reasons(remedy));
                self.block(reasons.collect());
            }
            Next::Try(remedy) => {
                let reasons = self.reasons(remedy);
                let only_pods = reasons
                    .iter()
                    .all(|no| no.reason == BlockedReason::PodsUnknown);
                if reasons.is_empty() {
                    self.take(remedy);
                } else if only_pods && self.is_young() {
                    // They are asked for, and known in a moment: nothing is said yet.
                    self.status = self.remediation.status.clone().unwrap_or_default();
                } else {
                    self.block(reasons);
                }
            }
        }
    }

    /// Why nothing is to be done any more.
    fn unwanted(&self) -> Option<String> {
        if let Some(judged) = self.judged()
            && judged.state(self.view, self.node) == TriggerState::Clear
            && (!self.is_cordoned() || self.is_cured())
        {
            // A later remedy is stronger, and the node is well.
            let when = match record::was_tried(&self.status) {
                false => "anything was done",
                true => "the next remedy began",
            };
            return Some(format!(
                "trigger {} cleared before {when}",
                judged.trigger.name
            ));
        }
        self.no_mandate()
    }

    /// That an earlier roll-out of the policy has chosen the node, and nothing was done to it
    /// yet.
    fn gives_way_to_rollout(&self) -> Option<String> {
        if record::was_tried(&self.status) || self.slot().is_some() {
            return None;
        }
        let policy = self.view.policy(&self.policy)?;
        let mut rollouts = policy.rollouts.iter();
        let own = rollouts.position(|it| Some(&it.trigger.name) == self.name_of_trigger())?;
        let first = rollout::first_on(self.view, policy, &policy.rollouts[..own], self.node)?;
        let name = &first.trigger.name;
        Some(format!(
            "gives way to roll-out {name}, whose canary the node is"
        ))
    }

    fn name_of_trigger(&self) -> Option<&String> {
        self.trigger.map(|it| &it.name)
    }

    /// That something calls on the node which may begin, while this one has nothing left to
    /// try and would keep it off for a day.
    fn gives_way(&self, used_up: &str) -> Option<String> {
        self.trigger?;
        let calls = incident::calls(self.view, self.node, Mode::Enforce);
        let may_begin = |call: &incident::Call<'_, '_>| {
            let first = incident::first_remedy(call);
            let ask = first.map(|first| Ask::beginning(self.node, call, first));
            // A roll-out has its turn, and begins with its first remedy or not at all.
            let is_free = |ask: Ask<'_>| {
                guard::first(self.view, self.usage, &ask).is_none()
                    && ladder::used_up(self.view, self.node, ask.remedy).is_none()
            };
            incident::is_left(self.view, self.node, call)
                && (!call.trigger.is_rollout() || ask.is_some_and(is_free))
        };
        let call = calls.into_iter().find(may_begin)?;
        let (trigger, policy) = (&call.trigger.name, &call.policy.name);
        let is_own = *policy == self.policy && Some(trigger) == self.name_of_trigger();
        Some(match is_own {
            true => format!("begins anew, for policy {policy} allows more now: {used_up}"),
            false => format!("gives way to trigger {trigger} of policy {policy}: {used_up}"),
        })
    }

    /// Ends without a further remedy. A node that is still cordoned for a rung that
    /// failed is given back where it is seen to be well, and becomes what the policy
    /// says of a failure where not.
    fn leave(&mut self, text: &str) {
        let is_well = self.is_cured()
            && self.node.is_ready()
            && judge::boot(self.view.snapshot, self.node).is_some();
        if is_well || !self.is_cordoned() {
            return self.give_back(text);
        }
        let rungs = self.status.rungs.iter().rev();
        let mut results = rungs.filter_map(|rung| rung.result);
        let outcome = match results.find(|it| *it != RungResult::Skipped) {
            Some(RungResult::NoEffect) => Outcome::NotFixed,
            Some(RungResult::Recurred) => Outcome::Recurred,
            _ => Outcome::Failed,
        };
        self.fail(RungResult::Failed, outcome, text);
    }

    /// Ends, and uncordons first what an earlier rung cordoned.
    fn give_back(&mut self, text: &str) {
        if self.is_cordoned() {
            self.status.ending = Some(Outcome::Aborted);
            return self.enter(Phase::Uncordoning, None, text);
        }
        self.end(Outcome::Aborted, text);
    }

    /// Nothing is left to try: a node that is still cordoned for an earlier rung
    /// becomes what the policy says of a failure.
    fn close(&mut self, text: &str) {
        if self.is_cordoned() {
            return self.fail(RungResult::NoEffect, Outcome::NotFixed, text);
        }
        self.end(Outcome::NotFixed, text);
    }

    /// That somebody took the node, which stayed cordoned for the next rung, out of
    /// our hands.
    fn yielded_between(&self) -> Option<String> {
        let cordons = |rung: &Rung| matches!(rung.action, RemedyKind::Reboot | RemedyKind::Cordon);
        let was_cordoned = self.status.rungs.last().is_some_and(cordons);
        let mut phases = self.status.phases.iter().rev();
        let before = phases.find(|it| it.phase != Phase::Pending)?;
        // What is not cordoned after it was uncordoned by this controller.
        let is_kept = was_cordoned && before.phase != Phase::Uncordoning;
        self.yielded().filter(|_| is_kept)
    }

    /// What forbids to begin `remedy` now.
    fn reasons(&self, remedy: &Remedy) -> Vec<No> {
        let Some(kind) = remedy.kind() else {
            let text = format!(
                "remedy {} does nothing that this version knows",
                remedy.name
            );
            return vec![No::new(BlockedReason::InvalidSpec, text)];
        };
        let ask = Ask {
            node: self.node,
            policy: &self.policy,
            trigger: self.trigger,
            remedy,
            kind,
            incident: Some(&self.name),
            is_begun: record::was_tried(&self.status),
        };
        let mut reasons = guard::forbids(self.view, self.usage, &ask);
        reasons.extend(self.unmeasured());
        // Whose turn it is hangs on who can go at all.
        let is_turn = |no: &No| no.reason == BlockedReason::CanariesFirst;
        if kind == RemedyKind::Reboot && reasons.iter().all(is_turn) {
            let is_first = reasons.is_empty();
            let pods = self.undrainable().into_iter();
            reasons.extend(pods.filter(|no| is_first || no.reason != BlockedReason::PodsUnknown));
        }
        self.recall(&mut reasons);
        if let Some(other) = incident::before(self.view, self.node, &self.name) {
            let mut open = self.view.open_on(&self.node.name).iter();
            let is_open = open.any(|it| it.name_any() == other);
            let no = |text| {
                No::new(BlockedReason::OtherIncident, text).on(format!("NodeRemediation/{other}"))
            };
            if is_open {
                // Whatever else there is, that one sees to it first.
                let text = format!("incident {other} on the node comes first");
                reasons.insert(0, no(text));
            } else {
                let text = format!("incident {other}, which ended, still holds the node's slot");
                reasons.push(no(text));
            }
        }
        reasons
    }

    /// Pods that held it up when they were looked at do so until they are again: behind many
    /// nodes that wait, that is done in turns.
    fn recall(&self, reasons: &mut Vec<No>) {
        let is_unknown = |no: &No| no.reason == BlockedReason::PodsUnknown;
        let Some(at) = reasons.iter().position(is_unknown) else {
            return;
        };
        let by_rule = wanted::has_blocking_pods(self.view, &self.node.name);
        let before = self.remediation.status.iter().flat_map(|it| &it.blockers);
        // A node's own do-not-disrupt is seen now.
        let of_pods = before.filter(|it| {
            let is_pod = it.object.iter().any(|object| object.starts_with("Pod/"));
            is_pod
                && (FOR_GOOD.contains(&it.reason)
                    || (by_rule && it.reason == BlockedReason::BlockedByPod))
        });
        let recalled: Vec<No> = of_pods.map(No::from).collect();
        if !recalled.is_empty() {
            reasons.retain(|no| !is_unknown(no));
            reasons.splice(at..at, recalled);
        }
    }

    /// What a heard probe does not know of the trigger.
    fn unmeasured(&self) -> Option<No> {
        let judged = self.judged()?;
        let is_heard = self.view.hearing(self.node) == Hearing::Heard;
        if judged.trigger.signal.is_some() && !is_heard {
            return None;
        }
        // One that did not come back from an earlier rung is judged already.
        let is_away = record::was_tried(&self.status) && !(is_heard && self.node.is_ready());
        let name = &judged.trigger.name;
        let text = match judged.state(self.view, self.node) {
            TriggerState::Unknown if is_away => return None,
            TriggerState::Unknown => format!("it cannot be told whether trigger {name} fires"),
            TriggerState::Firing if !judged.is_measured(self.view, self.node) => format!(
                "trigger {name} fired before the node's probe was started again, which has not \
                 measured it yet"
            ),
            TriggerState::Firing | TriggerState::Clear => return None,
        };
        Some(No::new(BlockedReason::SignalUnknown, text))
    }

    /// Whether the incident was opened a moment ago.
    fn is_young(&self) -> bool {
        let opened = self.remediation.creation_timestamp();
        opened.is_some_and(|at| self.now() < add(at.0, YOUNG))
    }

    /// Pods that would hold a drain up until a human looks after them: the node is
    /// left alone rather than cordoned, emptied of the others, and given back.
    fn undrainable(&self) -> Vec<No> {
        let Some(pods) = self.view.snapshot.pods.get(&self.node.name) else {
            let text = "the node's pods are not known yet";
            return vec![No::new(BlockedReason::PodsUnknown, text)];
        };
        let policy = self.remediation.spec.policy.as_ref();
        let drain = policy.map(|it| &it.drain);
        let Some(drain) = drain.filter(|it| it.on_timeout == DrainTimeoutAction::Abort) else {
            return Vec::new();
        };
        let held_up = drain::forecast(drain, pods, None).into_iter();
        held_up
            .map(No::from)
            .filter(|no| FOR_GOOD.contains(&no.reason))
            .collect()
    }

    /// The slot was taken at `since` in a pass that was cut off after it. Much
    /// may have changed since then, but its own slot and what that left in the
    /// history forbid nothing.
    fn go_on_or_release(&mut self, remedy: &Remedy, since: Timestamp) {
        let reasons = self.reasons(remedy);
        let own = [
            BlockedReason::RebootLimit,
            BlockedReason::PauseBetween,
            BlockedReason::CoolingDown,
        ];
        let others: Vec<No> = reasons
            .into_iter()
            .filter(|no| !own.contains(&no.reason))
            .collect();
        if others.is_empty() {
            return self.begin(remedy, since);
        }
        self.block(others);
        self.release();
    }

    fn evidence(&self) -> Vec<String> {
        let status = self.health().and_then(|health| health.status.as_ref());
        let summary = status.and_then(|status| status.summary.clone());
        let details = status
            .map(|status| status.evidence.as_slice())
            .unwrap_or_default();
        // The measurement's own sentence is the summary too.
        let is_new = |message: &String| summary.as_ref() != Some(message);
        let details = details.iter().map(|evidence| evidence.message.clone());
        let details: Vec<_> = details.filter(is_new).collect();
        let first = match self.trigger {
            Some(trigger) => format!("trigger {} fires", trigger.name),
            None => self.remediation.spec.reason.clone().unwrap_or_default(),
        };
        std::iter::once(first)
            .chain(summary)
            .chain(details)
            .filter(|text| !text.is_empty())
            .map(|text| record::cut(&text, 512))
            .take(16)
            .collect()
    }
}
