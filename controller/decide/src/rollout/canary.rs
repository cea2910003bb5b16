//! Which node is the next canary.

use std::collections::BTreeMap;

use unstall_crds::condition::BlockedReason;
use unstall_crds::remediation::Phase;

use super::progress::{Facts, fixed};
use super::{forbid, worse};
use crate::guard::{self, Ask};
use crate::incident::{self, Call};
use crate::judge::{add, signed};
use crate::usage::Usage;
use crate::{Node, ladder, record};

/// The label by which canaries are spread.
const ZONE: &str = "topology.kubernetes.io/zone";

/// Whether a node can go, as far as that hangs on the node: the best first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Chance {
    Free,
    /// Pods are watched on some nodes only, and on the chosen one. A node that is known to be
    /// free comes before it: else two that are not would be chosen in turns.
    PodsUnknown,
    Held,
}

/// Of the nodes that can go one of the zone with the fewest canaries, not of the control plane,
/// then by name.
pub fn choose<'a>(facts: &Facts<'a, '_>) -> Option<&'a str> {
    let mut by_zone: BTreeMap<&str, usize> = BTreeMap::new();
    for canary in fixed(facts) {
        let node = facts.view.node(&canary.spec.node_name);
        *by_zone.entry(node.map_or("", zone)).or_default() += 1;
    }
    let selector = &facts.policy.policy.spec.rollout.canary_selector;
    let due = facts.due.iter().copied();
    let allowed = due.filter(|node| selector.is_empty() || selector.matches(&node.labels));
    let mut policies = facts.view.policies().iter();
    let has_groups = policies.any(|it| !it.policy.spec.disruption.per_topology.is_empty());
    let usage = has_groups.then(|| Usage::new(facts.view));
    let mut in_order: Vec<&'a Node> = allowed.collect();
    in_order.sort_by_cached_key(|node| {
        let canaries = by_zone.get(zone(node)).copied().unwrap_or(0);
        (canaries, node.is_control_plane(), node.name.as_str())
    });
    // Thousands may be due, of which most can go: the first ends the search.
    let mut best: Option<(Chance, &'a str)> = None;
    for node in in_order {
        let chance = chance(facts, usage.as_ref(), node);
        if chance == Chance::Free {
            return Some(&node.name);
        }
        if best.as_ref().is_none_or(|(known, _)| chance < *known) {
            best = Some((chance, &node.name));
        }
    }
    best.map(|(_, name)| name)
}

fn chance(facts: &Facts<'_, '_>, usage: Option<&Usage<'_>>, node: &Node) -> Chance {
    let view = facts.view;
    if was_treated(facts, node)
        || !node.is_available()
        || !is_left_to_rollouts(facts, node)
        || forbid::not_staged(view, facts.trigger, node).is_some()
        || forbid::by_earlier(view, facts.policy, facts.earlier, node).is_some()
        || worse::not_told(view, facts.policy.policy, node).is_some()
    {
        return Chance::Held;
    }
    let call = Call {
        policy: facts.policy,
        trigger: facts.trigger,
    };
    let Some((remedy, kind)) = incident::first_remedy(&call) else {
        return Chance::Free;
    };
    let ask = Ask::beginning(node, &call, (remedy, kind));
    let reasons = guard::of_node(view, usage, &ask);
    let is_unknown = reasons
        .iter()
        .all(|no| no.reason == BlockedReason::PodsUnknown);
    if ladder::used_up(view, node, remedy).is_some() || !is_unknown {
        Chance::Held
    } else if reasons.is_empty() {
        Chance::Free
    } else {
        Chance::PodsUnknown
    }
}

/// Whether nothing is open on the node, or only what waits for another roll-out of the policy
/// and will go once this one lets it: they share the reboot.
fn is_left_to_rollouts(facts: &Facts<'_, '_>, node: &Node) -> bool {
    facts.view.open_on(&node.name).iter().all(|it| {
        let trigger = it.spec.policy.as_ref().and_then(|it| it.trigger.as_ref());
        let is_same = it.spec.policy_name.as_deref() == Some(&facts.policy.name);
        let status = it.status.as_ref();
        record::phase(it) == Phase::Pending
            && is_same
            && trigger.is_some_and(|it| it.is_rollout() && it.name != facts.trigger.name)
            && status.is_none_or(|status| !incident::is_held_by_its_node(status))
    })
}

/// A node that could not be treated a moment ago lets others go first.
fn was_treated(facts: &Facts<'_, '_>, node: &Node) -> bool {
    let ended = facts.view.ended_on(&node.name).iter();
    let last = ended.filter_map(|it| incident::completed_at(it)).max();
    let cooldown = signed(facts.policy.policy.spec.disruption.cooldown_per_node.get());
    last.is_some_and(|last| add(last, cooldown) > facts.view.snapshot.now)
}

fn zone(node: &Node) -> &str {
    node.labels.get(ZONE).map_or("", String::as_str)
}
