//! The parts of a policy's status: counts, budget, windows, roll-outs, forecasts.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use unstall_crds::policy::{Budget, Forecast, NodeCounts, RolloutProgress, WindowStatus};

use super::clock::clock_of;

/// How many nodes are in which state.
pub fn counted(nodes: &NodeCounts) -> String {
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

/// The budget, and who uses it.
pub fn used(budget: &Budget) -> String {
    let users = budget.users.iter().map(|user| {
        let whose = user.remediation.as_deref();
        let whose = whose.map_or(String::new(), |name| format!(" {name}"));
        let since = user.since.as_ref();
        let since = since.map_or(String::new(), |at| format!(" since {}", clock_of(at)));
        format!(", {} {}{whose}{since}", user.node, user.r#use)
    });
    let groups = budget.topologies.iter().map(|group| {
        format!(
            "; {}={} {} of {}",
            group.key, group.value, group.unavailable, group.max_unavailable
        )
    });
    format!(
        "{} of {} unavailable ({} left), {} of {} in place{}{}",
        budget.unavailable,
        budget.max_unavailable,
        budget.available,
        budget.in_place.used,
        budget.in_place.max,
        users.collect::<String>(),
        groups.collect::<String>()
    )
}

/// Whether a window is open.
pub fn opened(window: &WindowStatus) -> String {
    let mut text = if window.open { "open" } else { "closed" }.to_owned();
    let times = [
        ("until", &window.closes),
        ("next opening", &window.next_opening),
    ];
    for (what, time) in times {
        text += &at(what, time.as_ref());
    }
    if let Some(reason) = &window.excluded {
        text += &format!(", excluded: {reason}");
    }
    text
}

/// How far a roll-out is.
pub fn rolled(rollout: &RolloutProgress) -> String {
    let mut text = format!(
        "{} to {}: {} of {} done, {} in progress, {} blocked, {} failed",
        rollout.stage,
        rollout.target.as_deref().unwrap_or("-"),
        rollout.done,
        rollout.total,
        rollout.in_progress,
        rollout.blocked,
        rollout.failed
    );
    let times = [
        ("since", &rollout.started_at),
        ("baking until", &rollout.baking_until),
        ("done by", &rollout.estimated_completion),
        ("halted at", &rollout.halted_at),
    ];
    for (what, time) in times {
        text += &at(what, time.as_ref());
    }
    if !rollout.halted_by.is_empty() {
        text += &format!(", halted by {}", rollout.halted_by.join(", "));
    }
    if let Some(message) = &rollout.message {
        text += &format!("; {message}");
    }
    text
}

/// What would be done to a node.
pub fn foreseen(forecast: &Forecast) -> String {
    let blocked: Vec<_> = forecast.blocked_by.iter().map(|r| r.as_str()).collect();
    format!(
        "{}, {} {}{} [{}] {}",
        forecast.trigger,
        forecast.remedy,
        forecast.action,
        at("at", forecast.at.as_ref()),
        blocked.join(", "),
        forecast.message.as_deref().unwrap_or("-")
    )
}

fn at(what: &str, time: Option<&Time>) -> String {
    time.map_or(String::new(), |time| format!(", {what} {}", clock_of(time)))
}
