//! The policy's conditions.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use unstall_crds::condition::{self, Condition, ConditionReason, ConditionStatus, ConditionType};
use unstall_crds::policy::{NodeHealthPolicyStatus, RolloutStage};

use crate::view::{PolicyView, View};
use crate::{blind, breaker};

type Said = (ConditionStatus, ConditionReason, String);

pub fn set(view: &View<'_>, policy: &PolicyView<'_>, status: &mut NodeHealthPolicyStatus) {
    let signals = blind::condition(view, policy, &status.unavailable_signals);
    let reconciling = (
        ConditionStatus::False,
        ConditionReason::UpToDate,
        "the latest spec was taken in".to_owned(),
    );
    let mut all = vec![
        (ConditionType::Ready, ready(policy)),
        (ConditionType::Reconciling, reconciling),
        (ConditionType::SignalsAvailable, signals),
        (ConditionType::BreakerOpen, breaker_open(view, policy)),
    ];
    if !policy.rollouts.is_empty() {
        all.push((ConditionType::RolloutHalted, halted(policy)));
    }
    for (type_, (holds, reason, message)) in all {
        let new = Condition {
            type_: type_.to_string(),
            status: holds,
            observed_generation: policy.policy.metadata.generation,
            last_transition_time: Time(view.snapshot.now),
            reason: reason.to_string(),
            message,
        };
        condition::set(&mut status.conditions, new);
    }
    let kept: Vec<&str> = ConditionType::ALL.iter().map(|it| it.as_str()).collect();
    let has_rollouts = !policy.rollouts.is_empty();
    status.conditions.retain(|it| {
        // A type that only a newer version knows is not ours to judge.
        let is_stale = it.type_ == ConditionType::RolloutHalted.as_str() && !has_rollouts;
        !is_stale && kept.contains(&it.type_.as_str())
    });
}

fn ready(policy: &PolicyView<'_>) -> Said {
    match (&policy.problem, policy.breaker.covered) {
        (Some(problem), _) => (
            ConditionStatus::False,
            problem.reason,
            format!("nothing of this policy is carried out: {}", problem.text),
        ),
        (None, 0) => (
            ConditionStatus::True,
            ConditionReason::NoNodesSelected,
            "spec.nodeSelector covers no node: nothing is watched".to_owned(),
        ),
        (None, n) => (
            ConditionStatus::True,
            ConditionReason::Evaluated,
            format!("evaluated for {n} nodes"),
        ),
    }
}

fn breaker_open(view: &View<'_>, policy: &PolicyView<'_>) -> Said {
    let count = policy.breaker;
    let text = format!(
        "{} of {} covered nodes are unhealthy, {} are tolerated",
        count.unhealthy, count.covered, count.limit
    );
    if !count.is_open() {
        return (ConditionStatus::False, ConditionReason::BelowLimit, text);
    }
    match breaker::storm_allowed_until(view.snapshot) {
        Some(until) => (
            ConditionStatus::True,
            ConditionReason::StormAllowed,
            format!("{text}; the ledger allows to act until {until:.0}"),
        ),
        None => (
            ConditionStatus::True,
            ConditionReason::TooManyUnhealthy,
            format!("{text}: nothing new begins"),
        ),
    }
}

fn halted(policy: &PolicyView<'_>) -> Said {
    let mut rollouts = policy.rollouts.iter();
    let halted = rollouts.find(|it| it.progress.stage == RolloutStage::Halted);
    let Some(halted) = halted else {
        return (
            ConditionStatus::False,
            ConditionReason::Proceeding,
            "no roll-out is halted".to_owned(),
        );
    };
    let reason = if halted.is_worse {
        ConditionReason::WorseSignals
    } else {
        ConditionReason::NodeFailed
    };
    let text = halted.progress.message.clone().unwrap_or_default();
    let text = format!("roll-out {}: {text}", halted.progress.trigger);
    (ConditionStatus::True, reason, text)
}
