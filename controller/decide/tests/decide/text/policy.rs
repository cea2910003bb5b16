//! The status of a policy.

use unstall_crds::policy::{Budget, NodeCounts, NodeHealthPolicyStatus};

use super::clock::clock_of;
use super::delta::Lines;

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
    for forecast in &status.forecast {
        let blocked: Vec<_> = forecast.blocked_by.iter().map(|r| r.as_str()).collect();
        let text = format!(
            "{}, {} {} [{}] {}",
            forecast.trigger,
            forecast.remedy,
            forecast.action,
            blocked.join(", "),
            forecast.message.as_deref().unwrap_or("-")
        );
        add(format!("forecast {}", forecast.node), text);
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

fn counted(nodes: &NodeCounts) -> String {
    format!(
        "{} covered: {} healthy, {} sick, {} silent, {} without probe; {} in remediation, {} blocked",
        nodes.covered,
        nodes.healthy,
        nodes.sick,
        nodes.silent,
        nodes.without_probe,
        nodes.in_remediation,
        nodes.blocked
    )
}

fn used(budget: &Budget) -> String {
    let users = budget.users.iter().map(|user| {
        let whose = user.remediation.as_deref();
        let whose = whose.map_or(String::new(), |name| format!(" {name}"));
        format!(", {} {}{whose}", user.node, user.r#use)
    });
    format!(
        "{} of {} unavailable ({} left), {} of {} in place{}",
        budget.unavailable,
        budget.max_unavailable,
        budget.available,
        budget.in_place.used,
        budget.in_place.max,
        users.collect::<String>()
    )
}
