//! The budget, and who uses it.

use unstall_crds::policy::{Budget, BudgetUse, BudgetUser, InPlaceBudget, TopologyUse};

use super::Seen;
use crate::breaker::size as count;
use crate::guard;
use crate::view::{PolicyView, View};

/// The API's bounds on lists.
const USERS: usize = 32;
const GROUPS: usize = 64;

pub fn of(view: &View<'_>, policy: &PolicyView<'_>, seen: &Seen<'_>) -> Budget {
    let spec = &policy.policy.spec.disruption;
    let max_unavailable = spec.max_unavailable.nodes_of(policy.breaker.covered);
    let mut away: Vec<&str> = seen.usage.away(&policy.name, "").collect();
    away.sort_unstable();
    let unavailable = count(away.len());
    let in_place = view.snapshot.slots().filter(|slot| {
        !slot.kind.is_disruptive()
            && policy.covers(&slot.node)
            && !away.contains(&slot.node.as_str())
    });
    let users = away
        .iter()
        .map(|name| user(view, name))
        .chain(in_place.map(|slot| user(view, &slot.node)));
    Budget {
        max_unavailable,
        unavailable,
        available: max_unavailable.saturating_sub(unavailable),
        users: users.take(USERS).collect(),
        in_place: InPlaceBudget {
            max: guard::in_place_limit(policy),
            used: seen.usage.in_place(view, policy, ""),
        },
        topologies: topologies(policy, seen),
    }
}

fn user(view: &View<'_>, name: &str) -> BudgetUser {
    let slot = view.slot(name);
    let node = view.node(name);
    let r#use = match (slot, node) {
        (Some(_), _) => BudgetUse::Slot,
        (None, Some(node)) if !node.is_ready() => BudgetUse::NotReady,
        (None, Some(node)) if node.unschedulable => BudgetUse::Unschedulable,
        (None, _) => BudgetUse::Slot,
    };
    BudgetUser {
        node: name.to_owned(),
        r#use,
        remediation: slot
            .map(|slot| slot.remediation.clone())
            .or_else(|| node?.cordoned_by().map(ToOwned::to_owned)),
        since: slot.map(|slot| slot.since.clone()),
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
