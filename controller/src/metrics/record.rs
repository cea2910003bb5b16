//! What was done, what holds, and the page.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kube::ResourceExt;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use unstall_crds::health::Verdict;
use unstall_crds::ledger::SlotKind;
use unstall_crds::policy::RolloutStage;
use unstall_crds::remediation::{NodeRemediationStatus, Phase};
use unstall_decide::{Action, View};

use super::calls::Calls;
use super::families::Families;
use super::figures::{self, Figures};
use super::labels::{
    NO_REMEDY, OfAction, OfBudget, OfEnd, OfKind, OfPhase, OfPolicy, OfReason, OfResult, OfRollout,
    OfSlot, OfStage, OfState, OfTrigger, OfVerdict,
};
use crate::act::Told;

/// One turn of the loop.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// How long it took.
    pub took: Duration,
    /// How long deciding took, of that.
    pub decided_in: Duration,
    /// Whether everything of its plan was done.
    pub is_done: bool,
}

/// Everything that is told.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    families: Families,
    /// What was blocked once stays, at 0: a series that vanishes ends no alert.
    blocked: Mutex<BTreeSet<OfReason>>,
    /// What is told now.
    shown: Mutex<Option<Figures>>,
}

impl Metrics {
    /// Nothing yet; `calls` is what the client counts.
    #[must_use]
    pub fn new(calls: &Calls) -> Self {
        let mut registry = Registry::default();
        let families = Families::registered(&mut registry, calls);
        Self {
            registry,
            families,
            blocked: Mutex::default(),
            shown: Mutex::default(),
        }
    }

    /// This replica leads this epoch.
    pub fn leads(&self, epoch: i64) {
        self.families.leader.set(1);
        let epoch = u64::try_from(epoch).unwrap_or_default();
        self.families.epoch.get_or_create(&[]).set(epoch);
    }

    /// Counts a turn of the loop.
    pub fn turned(&self, turn: &Turn) {
        let families = &self.families;
        let result = if turn.is_done { "done" } else { "cut_short" };
        families.passes.get_or_create(&OfResult { result }).inc();
        families.pass.observe(turn.took.as_secs_f64());
        families.plan.observe(turn.decided_in.as_secs_f64());
    }

    /// Counts an action of the plan about `view`, and whether it was done.
    pub fn acted(&self, view: &View<'_>, action: &Action, is_done: bool) {
        let label = OfAction {
            action: word(action),
            result: if is_done { "done" } else { "failed" },
        };
        self.families.actions.get_or_create(&label).inc();
        match action {
            Action::OpenIncident(incident) if is_done => {
                let label = OfTrigger {
                    policy: incident.spec.policy_name.clone().unwrap_or_default(),
                    trigger: incident.spec.trigger.clone().unwrap_or_default(),
                };
                self.families.opened.get_or_create(&label).inc();
            }
            Action::SetStatus {
                remediation,
                status,
                ..
            } if is_done => {
                let mut incidents = view.incidents();
                let before = incidents.find(|it| it.name_any() == *remediation);
                let before = before.and_then(|it| it.status.as_ref()?.outcome);
                if let Some(end) = end(status).filter(|_| before.is_none()) {
                    self.families.ended.get_or_create(&end).inc();
                }
            }
            _ => {}
        }
    }

    /// Counts Events.
    pub fn told(&self, told: &Told) {
        let counts = [
            ("written", told.written),
            ("failed", told.failed),
            ("left_out", told.left_out),
        ];
        for (result, count) in counts {
            let events = self.families.events.get_or_create(&OfResult { result });
            events.inc_by(count);
        }
    }

    /// Counts a watch that ended and is begun anew.
    pub fn watch_restarted(&self, kind: &'static str) {
        let restarts = self.families.watch_restarts.get_or_create(&OfKind { kind });
        restarts.inc();
    }

    /// Tells these numbers from now on.
    pub fn show(&self, figures: Figures) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        // Most passes change nothing, and a scrape amid this would miss series.
        if shown.as_ref() != Some(&figures) {
            self.change(&figures);
            *shown = Some(figures);
        }
    }

    fn change(&self, figures: &Figures) {
        self.show_policies(figures);
        self.show_blocked(figures);
        let families = &self.families;
        for phase in Phase::ALL.iter().filter(|it| **it != Phase::Ended) {
            let count = figures.incidents.get(phase).copied().unwrap_or_default();
            let phase = phase.as_str();
            let incidents = families.incidents.get_or_create(&OfPhase { phase });
            incidents.set(count.into());
        }
        for verdict in Verdict::ALL {
            let count = figures.verdicts.get(verdict).copied().unwrap_or_default();
            let verdict = verdict.as_str();
            let verdicts = families.verdicts.get_or_create(&OfVerdict { verdict });
            verdicts.set(count.into());
        }
        families.slots.clear();
        families.paused.clear();
        families.storm_allowed.clear();
        if let Some(slots) = &figures.slots {
            for kind in SlotKind::ALL {
                let count = slots.get(kind).copied().unwrap_or_default();
                let kind = kind.as_str();
                families
                    .slots
                    .get_or_create(&OfSlot { kind })
                    .set(count.into());
            }
            let paused = families.paused.get_or_create(&[]);
            paused.set(figures.paused.into());
            let storm_allowed = families.storm_allowed.get_or_create(&[]);
            storm_allowed.set(figures.storm_allowed.into());
        }
        families.held.get_or_create(&[]).set(figures.held.into());
    }

    fn show_policies(&self, figures: &Figures) {
        let families = &self.families;
        // Those of policies that are gone must not linger.
        families.policy_ready.clear();
        families.nodes.clear();
        families.breaker_open.clear();
        families.unhealthy.clear();
        families.unhealthy_limit.clear();
        families.budget.clear();
        families.budget_used.clear();
        families.rollout.clear();
        families.stage.clear();
        for (name, figures) in &figures.policies {
            self.show_policy(name, figures);
        }
    }

    fn show_policy(&self, policy: &str, figures: &figures::OfPolicy) {
        let families = &self.families;
        let label = OfPolicy {
            policy: policy.to_owned(),
        };
        let ready = families.policy_ready.get_or_create(&label);
        ready.set(figures.is_ready.into());
        for (state, count) in &figures.nodes {
            let policy = policy.to_owned();
            let label = OfState { policy, state };
            families.nodes.get_or_create(&label).set((*count).into());
        }
        if let Some((is_open, unhealthy, limit)) = figures.breaker {
            let set = [
                (&families.breaker_open, i64::from(is_open)),
                (&families.unhealthy, unhealthy.into()),
                (&families.unhealthy_limit, limit.into()),
            ];
            for (family, value) in set {
                family.get_or_create(&label).set(value);
            }
        }
        for (budget, max, used) in &figures.budgets {
            let policy = policy.to_owned();
            let label = OfBudget { policy, budget };
            families.budget.get_or_create(&label).set((*max).into());
            let in_use = families.budget_used.get_or_create(&label);
            in_use.set((*used).into());
        }
        for (trigger, rollout) in &figures.rollouts {
            self.show_rollout(policy, trigger, rollout);
        }
    }

    fn show_rollout(&self, policy: &str, trigger: &str, rollout: &figures::Rollout) {
        let (policy, trigger) = (policy.to_owned(), trigger.to_owned());
        for (state, count) in rollout.nodes {
            let label = OfRollout {
                policy: policy.clone(),
                trigger: trigger.clone(),
                state,
            };
            let nodes = self.families.rollout.get_or_create(&label);
            nodes.set(count.into());
        }
        for stage in RolloutStage::ALL {
            let label = OfStage {
                policy: policy.clone(),
                trigger: trigger.clone(),
                stage: stage.as_str(),
            };
            let holds = *stage == rollout.stage;
            self.families.stage.get_or_create(&label).set(holds.into());
        }
    }

    fn show_blocked(&self, figures: &Figures) {
        let mut known = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|label| figures.policies.contains_key(&label.policy));
        for (policy, figures) in &figures.policies {
            known.extend(figures.blocked.keys().map(|reason| OfReason {
                policy: policy.clone(),
                reason: reason.as_str(),
            }));
        }
        self.families.blocked.clear();
        for label in known.iter() {
            let blocked = figures.policies.get(&label.policy).map(|it| &it.blocked);
            let mut blocked = blocked.into_iter().flatten();
            let count = blocked.find(|(reason, _)| reason.as_str() == label.reason);
            let count = count.map_or(0, |(_, count)| i64::from(*count));
            self.families.blocked.get_or_create(label).set(count);
        }
    }

    /// All of it as OpenMetrics text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// How an incident ended, if it did.
fn end(status: &NodeRemediationStatus) -> Option<OfEnd> {
    let last = status.rungs.last().map(|rung| rung.action.as_str());
    Some(OfEnd {
        outcome: status.outcome?.as_str(),
        remedy: last.unwrap_or(NO_REMEDY),
    })
}

/// One word for each kind of action.
fn word(action: &Action) -> &'static str {
    match action {
        Action::CreateHealth(_) => "CreateHealth",
        Action::DeleteHealth { .. } => "DeleteHealth",
        Action::SetTriggers { .. } => "SetTriggers",
        Action::OpenIncident(_) => "OpenIncident",
        Action::Adopt { .. } => "Adopt",
        Action::TakeSlot(_) => "TakeSlot",
        Action::SendCommand { .. } => "SendCommand",
        Action::ClearCommand { .. } => "ClearCommand",
        Action::SetStatus { .. } => "SetStatus",
        Action::ReleaseSlot(_) => "ReleaseSlot",
        Action::MarkNode { .. } => "MarkNode",
        Action::SetConditions { .. } => "SetConditions",
        Action::Evict(_) => "Evict",
        Action::DeletePod(_) => "DeletePod",
        Action::HandOver { .. } => "HandOver",
        Action::TakeBack { .. } => "TakeBack",
        Action::TidyLedger { .. } => "TidyLedger",
        Action::Forget { .. } => "Forget",
    }
}
