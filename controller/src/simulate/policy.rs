//! What one policy says of its fleet.

use std::fmt::{self, Write as _};

use unstall_crds::policy::{Forecast, NodeHealthPolicyStatus, RolloutProgress};
use unstall_decide::PolicyView;

/// Its new status, every reason in it.
pub fn write(
    out: &mut String,
    policy: &PolicyView<'_>,
    status: &NodeHealthPolicyStatus,
) -> fmt::Result {
    let mode = policy.policy.spec.mode;
    let summary = status.summary.as_deref().unwrap_or("-");
    writeln!(out, "\nPolicy {} ({mode}): {summary}", policy.name)?;
    for it in &status.conditions {
        writeln!(
            out,
            "   {} {}, {}: {}",
            it.type_, it.status, it.reason, it.message
        )?;
    }
    if let Some(nodes) = &status.nodes {
        writeln!(
            out,
            "   nodes: {} covered, {} healthy, {} sick, {} silent, {} without probe, {} in remediation, {} blocked",
            nodes.covered,
            nodes.healthy,
            nodes.sick,
            nodes.silent,
            nodes.without_probe,
            nodes.in_remediation,
            nodes.blocked
        )?;
    }
    limits(out, status)?;
    for it in &status.blocked {
        let more = usize::try_from(it.count)
            .unwrap_or(usize::MAX)
            .saturating_sub(it.nodes.len());
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let why = it.message.as_deref().unwrap_or("-");
        writeln!(
            out,
            "   not, {}: {}{more}: {why}",
            it.reason,
            it.nodes.join(", ")
        )?;
    }
    for it in &status.unavailable_signals {
        writeln!(
            out,
            "   no {} on {} nodes: {}",
            it.name, it.count, it.message
        )?;
    }
    for it in &status.rollouts {
        rollout(out, it)?;
    }
    for it in &status.forecast {
        forecast(out, it)?;
    }
    Ok(())
}

fn limits(out: &mut String, status: &NodeHealthPolicyStatus) -> fmt::Result {
    if let Some(budget) = &status.budget {
        writeln!(
            out,
            "   budget: {} of {} unavailable, {} of {} in place",
            budget.unavailable, budget.max_unavailable, budget.in_place.used, budget.in_place.max
        )?;
        for user in &budget.users {
            let incident = user.remediation.as_ref().map(|it| format!(" for {it}"));
            let incident = incident.unwrap_or_default();
            writeln!(
                out,
                "   budget used by {} ({}){incident}",
                user.node, user.r#use
            )?;
        }
        for it in &budget.topologies {
            writeln!(
                out,
                "   budget of {}={}: {} of {} unavailable",
                it.key, it.value, it.unavailable, it.max_unavailable
            )?;
        }
    }
    if let Some(breaker) = &status.breaker {
        writeln!(
            out,
            "   breaker: {}, {} unhealthy, {} tolerated",
            breaker.state, breaker.unhealthy, breaker.limit
        )?;
    }
    if let Some(window) = &status.window {
        let state = if window.open { "open" } else { "closed" };
        write!(out, "   window: {state}")?;
        if let Some(at) = &window.closes {
            write!(out, ", closes {}", at.0)?;
        }
        if let Some(at) = &window.next_opening {
            write!(out, ", opens {}", at.0)?;
        }
        if let Some(why) = &window.excluded {
            write!(out, ", excluded: {why}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn rollout(out: &mut String, it: &RolloutProgress) -> fmt::Result {
    write!(
        out,
        "   roll-out {}: {}, {} of {} done, {} in progress, {} blocked, {} failed",
        it.trigger, it.stage, it.done, it.total, it.in_progress, it.blocked, it.failed
    )?;
    if let Some(at) = &it.estimated_completion {
        write!(out, ", complete by {}", at.0)?;
    }
    match &it.message {
        Some(message) => writeln!(out, ": {message}"),
        None => writeln!(out),
    }
}

fn forecast(out: &mut String, it: &Forecast) -> fmt::Result {
    let at = it
        .at
        .as_ref()
        .map_or_else(|| "never by itself".to_owned(), |at| at.0.to_string());
    write!(
        out,
        "   would {} {} ({}, trigger {}): {at}",
        it.action, it.node, it.remedy, it.trigger
    )?;
    for reason in &it.blocked_by {
        write!(out, ", {reason}")?;
    }
    match &it.message {
        Some(message) => writeln!(out, ": {message}"),
        None => writeln!(out),
    }
}
