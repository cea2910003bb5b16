//! Counts of nodes, and the breaker.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use unstall_crds::health::TriggerState;
use unstall_crds::policy::{BlockedNodes, Breaker, BreakerState, NodeCounts};
use unstall_crds::remediation::Phase;

use super::Seen;
use crate::breaker;
use crate::judge::{self, Hearing};
use crate::view::{PolicyView, View};

/// How many nodes are in which state.
pub fn counts(
    view: &View<'_>,
    policy: &PolicyView<'_>,
    seen: &Seen<'_>,
    blocked: &[BlockedNodes],
) -> NodeCounts {
    let mut counts = NodeCounts {
        covered: policy.breaker.covered,
        ..NodeCounts::default()
    };
    let needs_probe = policy
        .policy
        .spec
        .triggers
        .iter()
        .any(|it| it.signal.is_some());
    for node in &policy.covered {
        let triggers = policy.policy.spec.triggers.iter();
        let judged = triggers.zip(policy.states(&node.name));
        let mut states = judged
            .filter(|(it, _)| !it.is_rollout())
            .map(|(_, state)| *state);
        let is_sick = states.clone().any(|state| state == TriggerState::Firing);
        let is_unknown = states.any(|state| state == TriggerState::Unknown);
        match view.hearing(node) {
            Hearing::Silent { .. } => counts.silent += 1,
            Hearing::NoProbe if needs_probe => counts.without_probe += 1,
            _ if is_sick => counts.sick += 1,
            // What is not known is not healthy, nor is a node that is not Ready.
            _ if !node.is_ready() || is_unknown => {}
            _ => counts.healthy += 1,
        }
        let incident = seen.incidents.get(node.name.as_str());
        if incident.is_some_and(|status| status.phase != Phase::Pending) {
            counts.in_remediation += 1;
        }
    }
    counts.blocked = blocked.iter().map(|it| it.count).sum();
    counts
}

/// The breaker.
pub fn breaker(view: &View<'_>, policy: &PolicyView<'_>) -> Breaker {
    let count = policy.breaker;
    let state = if count.is_open() {
        BreakerState::Open
    } else {
        BreakerState::Closed
    };
    let before = policy.policy.status.as_ref();
    let before = before.and_then(|status| status.breaker.as_ref());
    let since = before.filter(|b| b.state == state).map(|b| b.since.clone());
    let storm = breaker::storm_allowed_until(view.snapshot);
    Breaker {
        state,
        unhealthy: count.unhealthy,
        limit: count.limit,
        since: since.unwrap_or(Time(view.snapshot.now)),
        // The API keeps whole seconds.
        storm_allowed_until: storm.map(|until| Time(judge::whole_seconds(until))),
    }
}
