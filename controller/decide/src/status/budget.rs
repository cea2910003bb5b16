//! The budget, and who uses it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use unstall_crds::policy::{Budget, BudgetUse, BudgetUser, InPlaceBudget, TopologyUse};

use super::Seen;
use crate::breaker::size as count;
use crate::view::{PolicyView, View};
use crate::{guard, judge};

/// The API's bounds on lists.
const USERS: usize = 32;
const GROUPS: usize = 64;

pub fn of(view: &View<'_>, policy: &PolicyView<'_>, seen: &Seen<'_>) -> Budget {
    let spec = &policy.policy.spec.disruption;
    let max_unavailable = spec.max_unavailable.nodes_of(policy.breaker.covered);
    let mut away: Vec<&str> = seen.usage.away(&policy.name, "").collect();
    away.sort_unstable();
    let unavailable = count(away.len());
    let in_place: Vec<&str> = seen.usage.in_place(view, policy, "").collect();
    let others = in_place.iter().filter(|node| !away.contains(node));
    let users = away.iter().chain(others).map(|name| user(view, seen, name));
    Budget {
        max_unavailable,
        unavailable,
        available: max_unavailable.saturating_sub(unavailable),
        users: users.take(USERS).collect(),
        in_place: InPlaceBudget {
            max: guard::in_place_limit(policy),
            used: count(in_place.len()),
        },
        topologies: topologies(policy, seen),
    }
}

fn user(view: &View<'_>, seen: &Seen<'_>, name: &str) -> BudgetUser {
    let holder = seen.usage.holder(name);
    let node = view.node(name);
    let r#use = match (holder, node) {
        (Some(_), _) => BudgetUse::Slot,
        (None, Some(node)) if !node.is_ready() => BudgetUse::NotReady,
        (None, Some(node)) if node.unschedulable => BudgetUse::Unschedulable,
        (None, _) => BudgetUse::Slot,
    };
    BudgetUser {
        node: name.to_owned(),
        r#use,
        remediation: holder
            .map(|holder| holder.remediation.clone())
            .or_else(|| node?.cordoned_by().map(ToOwned::to_owned)),
        since: holder.map(|holder| Time(judge::whole_seconds(holder.since))),
    }
}

/// The groups of which some node is away.
fn topologies(policy: &PolicyView<'_>, seen: &Seen<'_>) -> Vec<TopologyUse> {
    let budgets = policy.policy.spec.disruption.per_topology.iter();
    let uses = budgets.flat_map(|budget| {
        let groups = seen.usage.groups(&policy.name, &budget.key);
        groups
            .filter(|(_, group)| !group.away.is_empty())
            .map(|(value, group)| TopologyUse {
                key: budget.key.clone(),
                value: value.to_owned(),
                max_unavailable: budget.max_unavailable.nodes_of(group.total),
                unavailable: count(group.away.len()),
            })
    });
    uses.take(GROUPS).collect()
}
