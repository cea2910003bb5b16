//! (pure) Snapshot and plan -> the numbers that are told.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use kube::ResourceExt;
use unstall_crds::condition::{BlockedReason, ConditionStatus, ConditionType};
use unstall_crds::health::Verdict;
use unstall_crds::ledger::{SlotKind, Until};
use unstall_crds::policy::{BreakerState, NodeHealthPolicyStatus, RolloutStage};
use unstall_crds::remediation::Phase;
use unstall_decide::{Hearing, Node, Plan, View};

/// What holds at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// By policy.
    pub policies: BTreeMap<String, OfPolicy>,
    /// Incidents that have not ended.
    pub incidents: BTreeMap<Phase, u32>,
    /// Nodes by what their probes say; those of silent probes are Unknown.
    pub verdicts: BTreeMap<Verdict, u32>,
    /// Nodes that stay cordoned by us until a human looks after them.
    pub held: u32,
    /// Slots of the ledger; `None` where there is no ledger.
    pub slots: Option<BTreeMap<SlotKind, u32>>,
    /// Whether a human paused everything.
    pub paused: bool,
    /// Whether a human allowed a storm.
    pub storm_allowed: bool,
}

/// What holds of one policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfPolicy {
    /// Whether it is valid and was evaluated.
    pub is_ready: bool,
    /// Nodes by state, in the words of the API.
    pub nodes: Vec<(&'static str, u32)>,
    /// Nodes to which nothing is done, by why.
    pub blocked: BTreeMap<BlockedReason, u32>,
    /// Whether the breaker is open, how many nodes are unhealthy, how many may be.
    pub breaker: Option<(bool, u32, u32)>,
    /// Budgets, with their size and their use.
    pub budgets: Vec<(&'static str, u32, u32)>,
    /// Roll-outs by trigger.
    pub rollouts: BTreeMap<String, Rollout>,
}

/// How far a roll-out is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollout {
    /// Where it stands.
    pub stage: RolloutStage,
    /// Nodes by state, in the words of the API.
    pub nodes: [(&'static str, u32); 5],
}

/// The numbers of one pass.
#[must_use]
pub fn figures(view: &View<'_>, plan: &Plan) -> Figures {
    let snapshot = view.snapshot;
    let mut figures = Figures::default();
    for (name, status) in &plan.policies {
        figures.policies.insert(name.clone(), of_policy(status));
    }
    for incident in view.open() {
        let phase = incident.status.as_ref().map(|status| status.phase);
        *figures
            .incidents
            .entry(phase.unwrap_or_default())
            .or_default() += 1;
    }
    for node in view.nodes() {
        if let Some(verdict) = verdict(view, node) {
            *figures.verdicts.entry(verdict).or_default() += 1;
        }
        figures.held += u32::from(is_held(view, node));
    }
    if let Some(ledger) = &snapshot.ledger {
        let mut slots: BTreeMap<SlotKind, u32> =
            SlotKind::ALL.iter().map(|kind| (*kind, 0)).collect();
        for slot in snapshot.slots() {
            *slots.entry(slot.kind).or_default() += 1;
        }
        figures.slots = Some(slots);
        let is_on =
            |until: &Option<Until>| until.as_ref().is_some_and(|it| it.until.0 > snapshot.now);
        figures.paused = is_on(&ledger.spec.pause);
        figures.storm_allowed = is_on(&ledger.spec.allow_storm);
    }
    figures
}

fn of_policy(status: &NodeHealthPolicyStatus) -> OfPolicy {
    let mut conditions = status.conditions.iter();
    let ready = conditions.find(|it| it.type_ == ConditionType::Ready.as_str());
    let nodes = status.nodes.as_ref().map(|nodes| {
        vec![
            ("covered", nodes.covered),
            ("healthy", nodes.healthy),
            ("sick", nodes.sick),
            ("silent", nodes.silent),
            ("withoutProbe", nodes.without_probe),
            ("inRemediation", nodes.in_remediation),
            ("blocked", nodes.blocked),
        ]
    });
    let budgets = status.budget.as_ref().map(|budget| {
        let in_place = &budget.in_place;
        vec![
            ("maxUnavailable", budget.max_unavailable, budget.unavailable),
            ("maxInPlace", in_place.max, in_place.used),
        ]
    });
    let breaker = status.breaker.as_ref();
    let blocked = status.blocked.iter();
    let rollouts = status.rollouts.iter();
    OfPolicy {
        is_ready: ready.is_some_and(|it| it.status == ConditionStatus::True),
        nodes: nodes.unwrap_or_default(),
        blocked: blocked.map(|it| (it.reason, it.count)).collect(),
        breaker: breaker.map(|it| (it.state == BreakerState::Open, it.unhealthy, it.limit)),
        budgets: budgets.unwrap_or_default(),
        rollouts: rollouts
            .map(|it| (it.trigger.clone(), rollout(it)))
            .collect(),
    }
}

fn rollout(progress: &unstall_crds::policy::RolloutProgress) -> Rollout {
    Rollout {
        stage: progress.stage,
        nodes: [
            ("total", progress.total),
            ("done", progress.done),
            ("inProgress", progress.in_progress),
            ("blocked", progress.blocked),
            ("failed", progress.failed),
        ],
    }
}

/// What the probe of `node` says; `None` where there is no probe.
fn verdict(view: &View<'_>, node: &Node) -> Option<Verdict> {
    match view.hearing(node) {
        Hearing::NoProbe => None,
        Hearing::Silent { .. } => Some(Verdict::Unknown),
        Hearing::Heard => {
            let status = view.snapshot.health(node)?.status.as_ref();
            let verdict = status.and_then(|status| status.verdict);
            Some(verdict.unwrap_or(Verdict::Unknown))
        }
    }
}

/// Whether we cordoned `node` and no incident of ours moves on by itself.
fn is_held(view: &View<'_>, node: &Node) -> bool {
    let Some(by) = node.cordoned_by().filter(|_| node.unschedulable) else {
        return false;
    };
    let mut open = view.open_on(&node.name).iter();
    let incident = open.find(|it| it.name_any() == by);
    let phase = incident.map(|it| it.status.as_ref().map_or(Phase::Pending, |it| it.phase));
    phase.is_none_or(|phase| phase == Phase::Holding)
}
