//! What people are told, once for each change.

use kube::ResourceExt;
use serde::Serialize;
use unstall_crds::condition::{BlockedReason, ConditionReason};
use unstall_crds::policy::{BreakerState, NodeHealthPolicyStatus, RolloutStage, Trigger};
use unstall_crds::remediation::{NodeRemediationStatus, Outcome, Phase};

use crate::Node;
use crate::view::PolicyView;

/// The API's bound on a note, in bytes.
const NOTE: usize = 1024;

/// What people are told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum About {
    /// A Node, and the incident on it.
    Node {
        /// Its name.
        name: String,
        /// Its UID.
        uid: String,
        /// The incident.
        incident: Option<String>,
    },
    /// A policy.
    Policy {
        /// Its name.
        name: String,
        /// Its UID.
        uid: String,
    },
}

/// An Event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// What it is about.
    pub about: About,
    /// Whether something is wrong.
    pub is_warning: bool,
    /// Why, in one stable word.
    pub reason: String,
    /// What was being done, in one stable word.
    pub action: String,
    /// The same in a sentence.
    pub note: String,
}

/// As much of `note` as the API takes, which counts bytes.
fn fit(mut note: String) -> String {
    note.truncate(note.floor_char_boundary(NOTE));
    note
}

/// What a step of an incident tells.
#[must_use]
pub fn of_incident(
    node: Option<&Node>,
    (name, node_name): (&str, &str),
    before: Option<&NodeRemediationStatus>,
    after: &NodeRemediationStatus,
) -> Vec<Event> {
    let about = About::Node {
        name: node_name.to_owned(),
        uid: node.map_or_else(String::new, |node| node.uid.clone()),
        incident: Some(name.to_owned()),
    };
    let event = |is_warning, reason: &str, note: String| Event {
        about: about.clone(),
        is_warning,
        reason: reason.to_owned(),
        action: after.phase.to_string(),
        note: fit(note),
    };
    let message = || after.message.clone().unwrap_or_default();
    if let Some(outcome) = after.outcome {
        let is_warning = !matches!(outcome, Outcome::Fixed | Outcome::Superseded);
        return vec![event(
            is_warning,
            outcome.as_str(),
            format!("{name}: {}", message()),
        )];
    }
    let phase_before = before.map(|before| before.phase);
    let mut events = Vec::new();
    let told = [
        Phase::DroppingCaches,
        Phase::Cordoning,
        Phase::Rebooting,
        Phase::HandedOver,
    ];
    if phase_before != Some(after.phase) && told.contains(&after.phase) {
        let text = format!("{name}: {}", message());
        events.push(event(false, after.phase.as_str(), text));
    }
    let first = |status: &NodeRemediationStatus| status.blockers.first().map(|it| it.reason);
    // What every drain goes through, and what the phase says itself, is not told.
    let is_told = |reason: BlockedReason| {
        reason == BlockedReason::LeavingLoadBalancers
            || told.iter().any(|it| it.as_str() == reason.as_str())
    };
    if let Some(blocker) = after.blockers.first()
        && before.and_then(first) != Some(blocker.reason)
        && !is_told(blocker.reason)
    {
        let text = format!("{name}: {}", blocker.message);
        let is_warning = !ends_by_itself(blocker.reason);
        events.push(event(is_warning, blocker.reason.as_str(), text));
    }
    events
}

/// Whether a reason ends when its time, or a turn, has come.
fn ends_by_itself(reason: BlockedReason) -> bool {
    use BlockedReason as Because;
    matches!(
        reason,
        Because::BudgetExhausted
            | Because::TopologyBudgetExhausted
            | Because::ControlPlaneBudgetExhausted
            | Because::InPlaceBudgetExhausted
            | Because::OutsideWindow
            | Because::ExcludedTime
            | Because::PauseBetween
            | Because::CoolingDown
            | Because::CanariesFirst
            | Because::CanaryBaking
            | Because::WaitingForPod
            | Because::ApiThrottled
    )
}

/// That an incident was opened.
#[must_use]
pub fn opened(node: &Node, incident: &str, policy: &str, trigger: &Trigger) -> Event {
    Event {
        about: About::Node {
            name: node.name.clone(),
            uid: node.uid.clone(),
            incident: Some(incident.to_owned()),
        },
        // That a node is due for a roll-out is nothing wrong.
        is_warning: !trigger.is_rollout(),
        reason: "IncidentOpened".to_owned(),
        action: "Pending".to_owned(),
        note: fit(format!(
            "{incident}: trigger {} of policy {policy} fires",
            trigger.name
        )),
    }
}

/// What a policy's new status tells.
#[must_use]
pub fn of_policy(policy: &PolicyView<'_>, after: &NodeHealthPolicyStatus) -> Vec<Event> {
    let before = policy.policy.status.as_ref();
    let event = |is_warning, reason: &str, note: String| Event {
        about: About::Policy {
            name: policy.name.clone(),
            uid: policy.policy.uid().unwrap_or_default(),
        },
        is_warning,
        reason: reason.to_owned(),
        action: "Evaluate".to_owned(),
        note: fit(note),
    };
    let mut events = Vec::new();
    let breaker = after.breaker.as_ref();
    let state = |it: Option<&NodeHealthPolicyStatus>| Some(it?.breaker.as_ref()?.state);
    match (state(before), breaker) {
        (was, Some(now)) if now.state == BreakerState::Open && was != Some(BreakerState::Open) => {
            let note = format!(
                "{} covered nodes are unhealthy, {} are tolerated: nothing new begins",
                now.unhealthy, now.limit
            );
            events.push(event(true, "BreakerOpen", note));
        }
        (Some(BreakerState::Open), Some(now)) if now.state == BreakerState::Closed => {
            let note = format!("{} covered nodes are unhealthy", now.unhealthy);
            events.push(event(false, "BreakerClosed", note));
        }
        _ => {}
    }
    for rollout in &after.rollouts {
        let was = before.and_then(|it| it.rollouts.iter().find(|it| it.trigger == rollout.trigger));
        if was.map(|it| it.stage) == Some(rollout.stage) {
            continue;
        }
        let is_halted = rollout.stage == RolloutStage::Halted;
        let note = format!(
            "roll-out {}: {}, {} of {} nodes have it{}",
            rollout.trigger,
            rollout.stage,
            rollout.done,
            rollout.total,
            rollout
                .message
                .as_ref()
                .map_or(String::new(), |text| format!("; {text}"))
        );
        events.push(event(is_halted, &format!("Rollout{}", rollout.stage), note));
    }
    if let Some(problem) = &policy.problem {
        let reason = problem.reason;
        let said =
            before.is_some_and(|it| it.conditions.iter().any(|it| it.reason == reason.as_str()));
        if !said && reason != ConditionReason::Evaluated {
            events.push(event(true, reason.as_str(), problem.text.clone()));
        }
    }
    events
}
