//! A policy's status: the fleet as the policy sees it. Nothing in it changes
//! while nothing happens, or every write would call for the next one.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use unstall_crds::condition::{
    self, BlockedReason, Condition, ConditionReason, ConditionStatus, ConditionType,
};
use unstall_crds::health::TriggerState;
use unstall_crds::ledger::SlotKind;
use unstall_crds::policy::{
    BlockedNodes, Breaker, BreakerState, Budget, BudgetUse, BudgetUser, Forecast, InPlaceBudget,
    Mode, NodeCounts, NodeHealthPolicy, NodeHealthPolicyStatus,
};
use unstall_crds::remediation::{NodeRemediation, Phase};

use crate::budget::InPlace;
use crate::judge::{self, Hearing};
use crate::{Node, Snapshot, blind, breaker, budget, guard, incident, record, select, support};

/// How many names a list for people holds at most.
const NAMES: usize = 10;
/// The API's bounds: entries of the forecast, reasons in one of them, and
/// characters of a sentence.
const FORECASTS: usize = 32;
const REASONS: usize = 16;
const SENTENCE: usize = 256;

/// The status of `policy`.
#[must_use]
pub fn of(
    snapshot: &Snapshot,
    policy: &NodeHealthPolicy,
    in_use: &InPlace,
) -> NodeHealthPolicyStatus {
    let mut status = policy.status.clone().unwrap_or_default();
    let covered: Vec<&Node> = snapshot
        .nodes
        .values()
        .filter(|node| select::covers(policy, node))
        .collect();
    // Nodes are counted: of several incidents on one, the first stands for it.
    let mut counted = BTreeSet::new();
    let own: Vec<&NodeRemediation> = snapshot
        .remediations
        .iter()
        .filter(|r| {
            incident::is_open(r)
                && covered.iter().any(|node| node.name == r.spec.node_name)
                && counted.insert(&r.spec.node_name)
        })
        .collect();
    status.observed_generation = policy.metadata.generation;
    status.blocked = blocked(&own);
    status.nodes = Some(counts(snapshot, policy, &covered, &own));
    status.budget = Some(budgets(snapshot, policy, &covered));
    status.breaker = Some(breaker_of(snapshot, policy));
    status.forecast = match policy.spec.mode {
        Mode::Observe => forecast(snapshot, policy, &covered, in_use),
        Mode::Enforce => Vec::new(),
    };
    status.summary = Some(record::cut(&summary(policy, &status, &own), SENTENCE));
    status.forecast.truncate(FORECASTS);
    status.unavailable_signals = blind::unavailable(snapshot, policy, &covered);
    let signals = blind::condition(snapshot, policy, &covered, &status.unavailable_signals);
    conditions(snapshot, policy, signals, &mut status);
    status
}

fn counts(
    snapshot: &Snapshot,
    policy: &NodeHealthPolicy,
    covered: &[&Node],
    own: &[&NodeRemediation],
) -> NodeCounts {
    let mut counts = NodeCounts {
        covered: size(covered.len()),
        ..NodeCounts::default()
    };
    let name = policy.name_any();
    for node in covered {
        let states: Vec<TriggerState> = policy
            .spec
            .triggers
            .iter()
            .map(|trigger| judge::state(snapshot, node, &name, trigger))
            .collect();
        match judge::hearing(snapshot, node) {
            Hearing::NoProbe => counts.without_probe += 1,
            Hearing::Silent { .. } => counts.silent += 1,
            Hearing::Heard if states.contains(&TriggerState::Firing) => counts.sick += 1,
            // What is not known is not healthy, nor is a node that is not Ready.
            Hearing::Heard if !node.ready || states.contains(&TriggerState::Unknown) => {}
            Hearing::Heard => counts.healthy += 1,
        }
    }
    counts.in_remediation = size(own.iter().filter(|r| phase(r) != Phase::Pending).count());
    counts.blocked = size(own.iter().filter(|r| first_blocker(r).is_some()).count());
    counts
}

fn blocked(own: &[&NodeRemediation]) -> Vec<BlockedNodes> {
    let mut by_reason: BTreeMap<BlockedReason, BlockedNodes> = BTreeMap::new();
    for remediation in own {
        let Some((reason, message)) = first_blocker(remediation) else {
            continue;
        };
        let entry = by_reason.entry(reason).or_insert_with(|| BlockedNodes {
            reason,
            count: 0,
            nodes: Vec::new(),
            message: Some(record::cut(&message, SENTENCE)),
        });
        entry.count += 1;
        if entry.nodes.len() < NAMES {
            entry.nodes.push(remediation.spec.node_name.clone());
        }
    }
    by_reason.into_values().collect()
}

fn budgets(snapshot: &Snapshot, policy: &NodeHealthPolicy, covered: &[&Node]) -> Budget {
    let max_unavailable = policy
        .spec
        .disruption
        .max_unavailable
        .nodes_of(size(covered.len()));
    let users: Vec<BudgetUser> = covered
        .iter()
        .filter_map(|node| {
            Some(BudgetUser {
                node: node.name.clone(),
                r#use: unavailable(node)?,
                remediation: None,
                since: None,
            })
        })
        .chain(slot_users(snapshot, covered))
        .collect();
    let in_place = InPlaceBudget {
        max: budget::limit_of(snapshot, policy),
        used: InPlace::new(snapshot).used(snapshot, policy),
    };
    let unavailable = size(users.iter().filter(|u| u.remediation.is_none()).count());
    Budget {
        max_unavailable,
        unavailable,
        available: max_unavailable.saturating_sub(unavailable),
        users: users.into_iter().take(NAMES).collect(),
        in_place,
        topologies: Vec::new(),
    }
}

/// Why `node` is not available, if it is not.
fn unavailable(node: &Node) -> Option<BudgetUse> {
    match (node.ready, node.unschedulable) {
        (false, _) => Some(BudgetUse::NotReady),
        (true, true) => Some(BudgetUse::Unschedulable),
        (true, false) => None,
    }
}

fn slot_users<'a>(
    snapshot: &'a Snapshot,
    covered: &'a [&Node],
) -> impl Iterator<Item = BudgetUser> + 'a {
    let slots = snapshot
        .ledger
        .iter()
        .filter_map(|l| l.status.as_ref())
        .flat_map(|s| &s.slots);
    slots
        .filter(|slot| slot.kind == SlotKind::InPlace)
        .filter(|slot| {
            covered
                .iter()
                .any(|node| node.name == slot.node && unavailable(node).is_none())
        })
        .map(|slot| BudgetUser {
            node: slot.node.clone(),
            r#use: BudgetUse::Slot,
            remediation: Some(slot.remediation.clone()),
            since: Some(slot.since.clone()),
        })
}

fn breaker_of(snapshot: &Snapshot, policy: &NodeHealthPolicy) -> Breaker {
    let count = breaker::count(snapshot, policy);
    let state = if count.is_open() {
        BreakerState::Open
    } else {
        BreakerState::Closed
    };
    let before = policy
        .status
        .as_ref()
        .and_then(|status| status.breaker.as_ref());
    let since = before.filter(|b| b.state == state).map(|b| b.since.clone());
    Breaker {
        state,
        unhealthy: count.unhealthy,
        limit: count.limit,
        since: since.unwrap_or(Time(snapshot.now)),
        // The API keeps whole seconds.
        storm_allowed_until: breaker::storm_allowed_until(snapshot)
            .map(|until| Time(judge::whole_seconds(until))),
    }
}

/// What a policy in Observe would do now.
fn forecast(
    snapshot: &Snapshot,
    policy: &NodeHealthPolicy,
    covered: &[&Node],
    in_use: &InPlace,
) -> Vec<Forecast> {
    // What is forecast for one node is not there for the next.
    let in_use = in_use.clone();
    let mut forecasts = Vec::new();
    for node in covered {
        let Some(call) = incident::call(snapshot, node, Mode::Observe) else {
            continue;
        };
        if call.policy.name_any() != policy.name_any() {
            continue;
        }
        let Some((remedy, action)) = incident::first_remedy(&call) else {
            continue;
        };
        let mut reasons = guard::in_place(snapshot, node, &in_use, false);
        if let Some(other) = incident::open_on(snapshot, node) {
            let text = format!("incident {} is not over", other.name_any());
            reasons.insert(0, (BlockedReason::OtherIncident, text));
        }
        if reasons.is_empty() {
            in_use.take(&node.name);
        }
        let message = match reasons.first() {
            None => format!("would apply {remedy} to {} now", node.name),
            Some((_, why)) => format!("would apply {remedy} to {}, but: {why}", node.name),
        };
        forecasts.push(Forecast {
            node: node.name.clone(),
            trigger: call.trigger.name.clone(),
            remedy,
            action,
            at: None,
            blocked_by: once_each(&reasons),
            message: Some(record::cut(&message, SENTENCE)),
        });
    }
    forecasts
}

/// The reasons in their order, each once: two policies may have the same one.
fn once_each(reasons: &[guard::Reason]) -> Vec<BlockedReason> {
    let mut once = Vec::new();
    for (reason, _) in reasons {
        if !once.contains(reason) && once.len() < REASONS {
            once.push(*reason);
        }
    }
    once
}

fn summary(
    policy: &NodeHealthPolicy,
    status: &NodeHealthPolicyStatus,
    own: &[&NodeRemediation],
) -> String {
    if support::unsupported(&policy.spec).is_some() {
        return "not carried out: see condition Ready".to_owned();
    }
    if let Some(first) = status.forecast.first() {
        let more = status.forecast.len() - 1;
        let text = first.message.clone().unwrap_or_default();
        return if more > 0 {
            format!("{text}, and {more} more")
        } else {
            text
        };
    }
    let Some(first) = own.first() else {
        let counts = status.nodes.clone().unwrap_or_default();
        return match (counts.covered, counts.sick) {
            (0, _) => "the selector covers no node".to_owned(),
            (covered, 0) if counts.healthy == covered => "all nodes are well".to_owned(),
            (covered, 0) => format!("{} of {covered} nodes are known to be well", counts.healthy),
            (_, sick) => format!("{sick} sick, no remedy is due"),
        };
    };
    let what = match first_blocker(first) {
        Some((reason, _)) => format!("waits ({reason})"),
        None => phase(first).to_string(),
    };
    let text = format!("{}: {what}", first.spec.node_name);
    if own.len() > 1 {
        format!("{text}, and {} more", own.len() - 1)
    } else {
        text
    }
}

type Said = (ConditionStatus, ConditionReason, String);

fn conditions(
    snapshot: &Snapshot,
    policy: &NodeHealthPolicy,
    signals: Said,
    status: &mut NodeHealthPolicyStatus,
) {
    let covered = status.nodes.as_ref().map_or(0, |nodes| nodes.covered);
    let ready = match (support::unsupported(&policy.spec), covered) {
        (Some(text), _) => (ConditionStatus::False, ConditionReason::InvalidSpec, text),
        (None, 0) => {
            let text = "spec.nodeSelector covers no node: nothing is watched".to_owned();
            (
                ConditionStatus::True,
                ConditionReason::NoNodesSelected,
                text,
            )
        }
        (None, n) => (
            ConditionStatus::True,
            ConditionReason::Evaluated,
            format!("evaluated for {n} nodes"),
        ),
    };
    let reconciling = (
        ConditionStatus::False,
        ConditionReason::UpToDate,
        "the latest spec was taken in".to_owned(),
    );
    for (type_, (holds, reason, message)) in [
        (ConditionType::Ready, ready),
        (ConditionType::Reconciling, reconciling),
        (ConditionType::SignalsAvailable, signals),
    ] {
        let new = Condition {
            type_: type_.to_string(),
            status: holds,
            observed_generation: policy.metadata.generation,
            last_transition_time: Time(snapshot.now),
            reason: reason.to_string(),
            message,
        };
        condition::set(&mut status.conditions, new);
    }
}

fn phase(remediation: &NodeRemediation) -> Phase {
    remediation
        .status
        .as_ref()
        .map_or(Phase::Pending, |status| status.phase)
}

fn first_blocker(remediation: &NodeRemediation) -> Option<(BlockedReason, String)> {
    let blocker = remediation.status.as_ref()?.blockers.first()?;
    Some((blocker.reason, blocker.message.clone()))
}

fn size(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
