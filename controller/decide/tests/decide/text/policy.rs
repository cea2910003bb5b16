//! The status of a policy.

use unstall_crds::policy::NodeHealthPolicyStatus;

use super::clock::clock_of;
use super::delta::Lines;
use super::policy_parts::{counted, foreseen, opened, rolled, used};

/// Every field that decisions write.
pub fn lines(status: &NodeHealthPolicyStatus) -> Lines {
    let mut lines = Lines::new();
    let mut add = |key: String, text: String| lines.push((key, text));
    if let Some(summary) = &status.summary {
        add("summary".to_owned(), summary.clone());
    }
    if let Some(nodes) = &status.nodes {
        add("nodes".to_owned(), counted(nodes));
    }
    for blocked in &status.blocked {
        let nodes = blocked.nodes.join(", ");
        let message = blocked.message.as_deref().unwrap_or("-");
        let text = format!("{} ({nodes}): {message}", blocked.count);
        add(format!("blocked by {}", blocked.reason), text);
    }
    for signal in &status.unavailable_signals {
        let nodes = signal.nodes.join(", ");
        let text = format!("{} ({nodes}): {}", signal.count, signal.message);
        add(format!("without {}", signal.name), text);
    }
    if let Some(budget) = &status.budget {
        add("budget".to_owned(), used(budget));
    }
    if let Some(breaker) = &status.breaker {
        let storm = breaker.storm_allowed_until.as_ref();
        let storm = storm.map_or(String::new(), |time| {
            format!("; storm allowed until {}", clock_of(time))
        });
        let text = format!(
            "{} since {}, {} of at most {} unhealthy{storm}",
            breaker.state,
            clock_of(&breaker.since),
            breaker.unhealthy,
            breaker.limit
        );
        add("breaker".to_owned(), text);
    }
    if let Some(window) = &status.window {
        add("window".to_owned(), opened(window));
    }
    for rollout in &status.rollouts {
        add(format!("roll-out {}", rollout.trigger), rolled(rollout));
    }
    for forecast in &status.forecast {
        add(format!("forecast {}", forecast.node), foreseen(forecast));
    }
    for condition in &status.conditions {
        let text = format!(
            "{} {}: {}",
            condition.status, condition.reason, condition.message
        );
        add(condition.type_.clone(), text);
    }
    lines
}
