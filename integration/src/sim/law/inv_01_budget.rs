//! Law 1: Never more nodes are disrupted or away than a budget allows, across leaders.

use super::{Past, Verdict, facts};
use crate::sim::api::kind::Kind;
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::World;

pub fn holds(world: &World, past: &Past, actor: &Actor, commit: &Commit) -> Verdict {
    let taken = facts::disrupted(commit);
    if taken.is_empty() {
        return Ok(());
    }
    let known = world.known(actor, &[Kind::Node]);
    let slots = facts::slots(world);
    let disrupted = facts::nodes_disrupted(&slots);
    for policy in facts::policies(world) {
        let covered = facts::covered(world, &policy);
        if !taken.iter().any(|slot| covered.contains(&slot.node)) {
            continue;
        }
        let name = policy.metadata.name.clone().unwrap_or_default();
        if !past.is_there_since(&name, world.known(actor, &[Kind::Policy])) {
            continue;
        }
        let total = facts::total(world, past, &policy, known);
        let lately = past.policy_lately(&name, world.now).into_iter();
        let limits = lately.filter_map(facts::policy);
        let limit = limits
            .map(|it| it.spec.disruption.max_unavailable.nodes_of(total))
            .max();
        let used: Vec<&String> = covered
            .iter()
            .filter(|it| disrupted.contains(&it.as_str()) || past.is_away_since(it, known))
            .collect();
        let limit = limit.unwrap_or_default();
        if u32::try_from(used.len()).unwrap_or(u32::MAX) > limit {
            return Err(format!(
                "policy {name} allows {limit} of {total}, and {used:?} have slots or are away"
            ));
        }
    }
    Ok(())
}
