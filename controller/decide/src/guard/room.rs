//! Whether there is room: the budgets of every policy that covers the node.

use unstall_crds::condition::BlockedReason;

use super::{Ask, replicas};
use crate::no::No;
use crate::usage::Usage;
use crate::view::{PolicyView, View};
use crate::{Node, breaker};

/// How many users of a budget a sentence names.
const NAMES: usize = 5;

pub fn forbids(view: &View<'_>, usage: &Usage<'_>, ask: &Ask<'_>) -> Vec<No> {
    if !ask.kind.is_disruptive() {
        return in_place(view, usage, ask.node).into_iter().collect();
    }
    let mut reasons = Vec::new();
    reasons.extend(replicas::forbids(view, usage, ask.node, ask.kind));
    reasons.extend(control_plane(view, usage, ask.node));
    for policy in view.covering(ask.node) {
        reasons.extend(unavailable(view, usage, policy, ask.node));
        reasons.extend(topologies(view, usage, policy, ask.node));
    }
    reasons
}

/// What the nodes that are away in the same zone or rack forbid.
pub fn of_group(view: &View<'_>, usage: &Usage<'_>, ask: &Ask<'_>) -> Vec<No> {
    if !ask.kind.is_disruptive() {
        return Vec::new();
    }
    let policies = view.covering(ask.node);
    policies
        .flat_map(|policy| topologies(view, usage, policy, ask.node))
        .collect()
}

/// How many in-place slots `policy` allows.
#[must_use]
pub fn in_place_limit(policy: &PolicyView<'_>) -> u32 {
    let max = policy.policy.spec.disruption.max_in_place;
    max.nodes_of(policy.breaker.covered)
}

fn in_place(view: &View<'_>, usage: &Usage<'_>, node: &Node) -> Option<No> {
    view.covering(node).find_map(|policy| {
        let used: Vec<&str> = usage.in_place(view, policy, &node.name).collect();
        let (count, limit) = (breaker::size(used.len()), in_place_limit(policy));
        (count >= limit).then(|| {
            let text = format!(
                "{count} of {limit} nodes of policy {} are being cured in place: {}",
                policy.name,
                users(view, usage, &used)
            );
            No::new(BlockedReason::InPlaceBudgetExhausted, text)
        })
    })
}

/// Allowed if the nodes that are away and this one are together no more than the
/// limit. A node that is away already takes no further place.
fn unavailable(
    view: &View<'_>,
    usage: &Usage<'_>,
    policy: &PolicyView<'_>,
    node: &Node,
) -> Option<No> {
    let limit = policy.policy.spec.disruption.max_unavailable;
    let limit = limit.nodes_of(policy.breaker.covered);
    let away: Vec<&str> = usage.away(&policy.name, &node.name).collect();
    let used = breaker::size(away.len());
    (used >= limit).then(|| {
        let text = format!(
            "budget {used} of {limit} of policy {} is used by {}",
            policy.name,
            users(view, usage, &away)
        );
        No::new(BlockedReason::BudgetExhausted, text)
    })
}

fn topologies<'a>(
    view: &'a View<'_>,
    usage: &'a Usage<'_>,
    policy: &'a PolicyView<'_>,
    node: &'a Node,
) -> impl Iterator<Item = No> + 'a {
    let budgets = policy.policy.spec.disruption.per_topology.iter();
    budgets.filter_map(move |budget| {
        let group = usage.group(&policy.name, &budget.key, node)?;
        let limit = budget.max_unavailable.nodes_of(group.total);
        let away = group.away.iter().copied();
        let away: Vec<&str> = away.filter(|other| *other != node.name).collect();
        let used = breaker::size(away.len());
        let value = node.labels.get(&budget.key).map_or("", String::as_str);
        (used >= limit).then(|| {
            let text = format!(
                "budget {used} of {limit} of {}={value} in policy {} is used by {}",
                budget.key,
                policy.name,
                users(view, usage, &away)
            );
            No::new(BlockedReason::TopologyBudgetExhausted, text)
        })
    })
}

/// Of the control plane one node at most is away, whatever policies allow: of
/// three members of etcd two must be there.
fn control_plane(view: &View<'_>, usage: &Usage<'_>, node: &Node) -> Option<No> {
    if !node.is_control_plane() {
        return None;
    }
    let other = usage.control_plane_beside(&node.name)?;
    let text = format!(
        "another node of the control plane is away: {}",
        users(view, usage, &[other])
    );
    Some(No::new(BlockedReason::ControlPlaneBudgetExhausted, text))
}

/// Who uses a budget: each node with what happens to it, and since when.
fn users(view: &View<'_>, usage: &Usage<'_>, used: &[&str]) -> String {
    let user = |name: &&str| {
        let what = match (usage.holder(name), view.node(name)) {
            (Some(holder), _) => {
                let phase = holder.phase.map_or("ended", |phase| phase.as_str());
                let (incident, since) = (&holder.remediation, holder.since);
                format!("{incident}, {phase}, since {since:.0}")
            }
            (None, Some(node)) if !node.is_ready() => "not Ready".to_owned(),
            (None, Some(node)) if node.unschedulable => "cordoned".to_owned(),
            (None, Some(_)) => "begins now".to_owned(),
            (None, None) => "gone".to_owned(),
        };
        format!("{name} ({what})")
    };
    let more = used.len().saturating_sub(NAMES);
    let first: Vec<String> = used.iter().take(NAMES).map(user).collect();
    if more > 0 {
        format!("{} and {more} more", first.join(", "))
    } else {
        first.join(", ")
    }
}
