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
use crate::{Node, ladder, order, record};

/// The node that goes next, of those that are to go first.
#[derive(Debug, Clone, Copy)]
pub struct Canary<'a> {
    /// Its name.
    pub node: &'a str,
    /// Whether nothing keeps it from going that is true of the node alone.
    pub can_go: bool,
}

/// The label by which canaries are spread.
const ZONE: &str = "topology.kubernetes.io/zone";

/// Whether a node can go, as far as that hangs on the node: the best first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Chance {
    Free,
    /// Pods are watched on some nodes only, and on the chosen one. A node that is known to be
    /// free comes before it: else two that are not would be chosen in turns.
    PodsUnknown,
    /// An incident of a later roll-out stands on the node, and gives way where it is chosen.
    Shared,
    Held,
}

/// Of the nodes that can go one of the zone with the fewest canaries, not of the control plane
/// nor with a replica of this controller, then by name.
pub fn choose<'a>(facts: &Facts<'a, '_>) -> Option<Canary<'a>> {
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
        let has_replica = order::has_replica(facts.view, node);
        let is_special = (node.is_control_plane(), has_replica);
        (canaries, is_special, node.name.as_str())
    });
    // Thousands may be due, of which most can go: the first ends the search.
    let mut best: Option<(Chance, &'a Node)> = None;
    for node in in_order {
        let chance = chance(facts, usage.as_ref(), node);
        let is_free = chance == Chance::Free;
        if best.as_ref().is_none_or(|(known, _)| chance < *known) {
            best = Some((chance, node));
        }
        if is_free {
            break;
        }
    }
    best.map(|(chance, node)| Canary {
        node: &node.name,
        can_go: chance != Chance::Held,
    })
}

fn chance(facts: &Facts<'_, '_>, usage: Option<&Usage<'_>>, node: &Node) -> Chance {
    let view = facts.view;
    if was_treated(facts, node)
        || !node.is_available()
        || !is_left_to_later(facts, node)
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
    let is_shared = !view.open_on(&node.name).is_empty();
    match (is_shared, reasons.is_empty()) {
        _ if ladder::used_up(view, node, remedy).is_some() || !is_unknown => Chance::Held,
        (false, true) => Chance::Free,
        (false, false) => Chance::PodsUnknown,
        (true, true) => Chance::Shared,
        (true, false) => Chance::Held,
    }
}

/// Whether nothing is open on the node, or only what waits for a later roll-out of the policy
/// and has done nothing yet.
fn is_left_to_later(facts: &Facts<'_, '_>, node: &Node) -> bool {
    let triggers = &facts.policy.policy.spec.triggers;
    let mut later = triggers
        .iter()
        .skip_while(|it| it.name != facts.trigger.name);
    later.next();
    let later: Vec<_> = later.filter(|it| it.is_rollout()).collect();
    facts.view.open_on(&node.name).iter().all(|it| {
        let trigger = it.spec.trigger.as_deref();
        it.spec.policy_name.as_deref() == Some(&facts.policy.name)
            && later.iter().any(|later| trigger == Some(&later.name))
            && record::phase(it) == Phase::Pending
            && it.status.as_ref().is_none_or(|it| !record::was_tried(it))
    })
}

/// A node that could not be treated a moment ago lets others go first. What gave way to this
/// roll-out is no reason.
fn was_treated(facts: &Facts<'_, '_>, node: &Node) -> bool {
    let ended = facts.view.ended_on(&node.name).iter().filter(|it| {
        let trigger = it.spec.trigger.as_ref();
        let is_same = it.spec.policy_name.as_deref() == Some(&facts.policy.name);
        is_same && trigger == Some(&facts.trigger.name)
            || it.status.as_ref().is_some_and(record::was_tried)
    });
    let last = ended.filter_map(|it| incident::completed_at(it)).max();
    let cooldown = signed(facts.policy.policy.spec.disruption.cooldown_per_node.get());
    last.is_some_and(|last| add(last, cooldown) > facts.view.snapshot.now)
}

fn zone(node: &Node) -> &str {
    node.labels.get(ZONE).map_or("", String::as_str)
}
