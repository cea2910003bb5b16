//! Which node is the next canary.

use std::collections::BTreeMap;

use unstall_crds::condition::BlockedReason;

use super::progress::{Facts, fixed};
use super::{forbid, worse};
use crate::guard::{self, Ask};
use crate::incident::{self, Call};
use crate::judge::{add, signed};
use crate::usage::Usage;
use crate::{Node, ladder};

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
    let chosen = allowed.min_by_key(|node: &&'a Node| {
        let canaries = by_zone.get(zone(node)).copied().unwrap_or(0);
        (
            chance(facts, usage.as_ref(), node),
            canaries,
            node.is_control_plane(),
            node.name.as_str(),
        )
    })?;
    Some(chosen.name.as_str())
}

fn chance(facts: &Facts<'_, '_>, usage: Option<&Usage<'_>>, node: &Node) -> Chance {
    let view = facts.view;
    if was_treated(facts, node)
        || !node.is_available()
        || !view.open_on(&node.name).is_empty()
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
    let ask = Ask {
        node,
        policy: &facts.policy.name,
        trigger: Some(facts.trigger),
        remedy,
        kind,
        incident: None,
        is_begun: false,
    };
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
