//! The policy in one sentence.

use unstall_crds::policy::{NodeHealthPolicyStatus, RolloutStage};
use unstall_crds::remediation::NodeRemediationStatus;

use super::Seen;
use super::forecast::Foreseen;
use crate::view::PolicyView;

/// What is being done, or why not.
pub fn of(
    policy: &PolicyView<'_>,
    seen: &Seen<'_>,
    status: &NodeHealthPolicyStatus,
    foreseen: &[Foreseen],
) -> String {
    if policy.problem.is_some() {
        return "not carried out: see condition Ready".to_owned();
    }
    if !foreseen.is_empty() {
        return forecast(foreseen);
    }
    let covered = seen
        .incidents
        .iter()
        .filter(|(node, _)| policy.covers(node));
    let mut own: Vec<_> = covered.map(|(node, status)| (*node, status)).collect();
    // What is at work says more than what waits.
    own.sort_by_key(|(_, status)| !status.blockers.is_empty());
    if let Some((node, first)) = own.first() {
        return more(incident(node, first), own.len() - 1);
    }
    let rollout = status
        .rollouts
        .iter()
        .find(|it| it.stage != RolloutStage::Complete);
    if let Some(rollout) = rollout {
        let text = rollout.message.as_ref();
        let text = text.map_or(String::new(), |text| format!(": {text}"));
        return format!(
            "roll-out {}: {} of {} nodes have it, {}{text}",
            rollout.trigger, rollout.done, rollout.total, rollout.stage
        );
    }
    if let Some(first) = status.blocked.first() {
        let message = first.message.clone().unwrap_or_default();
        return format!("{} wait ({}): {message}", first.count, first.reason);
    }
    let counts = status.nodes.clone().unwrap_or_default();
    match (counts.covered, counts.sick) {
        (0, _) => "the selector covers no node".to_owned(),
        (covered, 0) if counts.healthy == covered => "all nodes are well".to_owned(),
        (covered, 0) => format!("{} of {covered} nodes are known to be well", counts.healthy),
        (_, sick) => format!("{sick} sick, no remedy is due"),
    }
}

fn incident(node: &str, status: &NodeRemediationStatus) -> String {
    match status.blockers.first() {
        Some(blocker) if status.phase == unstall_crds::remediation::Phase::Pending => {
            format!("{node}: waits ({})", blocker.reason)
        }
        Some(blocker) => format!("{node}: {} ({})", status.phase, blocker.reason),
        None => format!("{node}: {}", status.phase),
    }
}

/// Whom next and when, who follows, and whom not and why.
fn forecast(foreseen: &[Foreseen]) -> String {
    let text = |it: &Foreseen| it.forecast.message.clone().unwrap_or_default();
    let (next, never): (Vec<&Foreseen>, Vec<&Foreseen>) =
        foreseen.iter().partition(|it| it.is_next);
    let mut parts = Vec::new();
    match next.as_slice() {
        [] => {}
        [one] => parts.push(text(one)),
        [one, two] => parts.push(format!("{}, then {}", text(one), two.forecast.node)),
        [one, two, rest @ ..] => {
            parts.push(format!(
                "{}, then {} and {} more",
                text(one),
                two.forecast.node,
                rest.len()
            ));
        }
    }
    if let Some(first) = never.first() {
        parts.push(more(text(first), never.len() - 1));
    }
    parts.join("; ")
}

fn more(text: String, more: usize) -> String {
    if more > 0 {
        format!("{text}, and {more} more")
    } else {
        text
    }
}
