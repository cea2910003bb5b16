//! Law 2: The same for each group of a topology, and of the control plane one at most.

use std::collections::BTreeMap;

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
    let is_used = |node: &str| disrupted.contains(&node) || past.is_away_since(node, known);
    if taken
        .iter()
        .any(|slot| is_of_control_plane(world, &slot.node))
    {
        control_plane(world, is_used)?;
    }
    for policy in facts::policies(world) {
        let name = policy.metadata.name.clone().unwrap_or_default();
        if !past.is_there_since(&name, world.known(actor, &[Kind::Policy])) {
            continue;
        }
        let covered = facts::covered(world, &policy);
        let lately: Vec<_> = past
            .policy_lately(&name, world.now)
            .into_iter()
            .filter_map(facts::policy)
            .collect();
        for budget in &policy.spec.disruption.per_topology {
            let is_new = |it: &unstall_crds::policy::NodeHealthPolicy| {
                !it.spec.disruption.per_topology.contains(budget)
            };
            if lately.iter().any(is_new) {
                continue;
            }
            let mut groups: BTreeMap<String, (u32, u32)> = BTreeMap::new();
            for node in &covered {
                let group = groups.entry(value(world, node, &budget.key)).or_default();
                group.0 += 1;
                group.1 += u32::from(is_used(node));
            }
            let touched = taken.iter().filter(|slot| covered.contains(&slot.node));
            let touched: Vec<String> = touched
                .map(|slot| value(world, &slot.node, &budget.key))
                .collect();
            groups.retain(|value, _| touched.contains(value));
            for (value, (total, used)) in groups {
                let limit = budget.max_unavailable.nodes_of(total);
                if used > limit {
                    return Err(format!(
                        "policy {name} allows {limit} of {} {value}, {used} have slots ({disrupted:?}) or are away",
                        budget.key
                    ));
                }
            }
        }
    }
    Ok(())
}

fn control_plane(world: &World, is_used: impl Fn(&str) -> bool) -> Verdict {
    let nodes = world.store.all(Kind::Node).map(|(name, _)| name);
    let of_it: Vec<_> = nodes
        .filter(|node| is_of_control_plane(world, node) && is_used(node))
        .collect();
    if of_it.len() > 1 {
        return Err(format!("{of_it:?} are all of the control plane"));
    }
    Ok(())
}

fn is_of_control_plane(world: &World, node: &str) -> bool {
    let key = "node-role.kubernetes.io/control-plane";
    let node = world.store.get(Kind::Node, node);
    node.is_some_and(|it| it["metadata"]["labels"].get(key).is_some())
}

fn value(world: &World, node: &str, key: &str) -> String {
    let node = world.store.get(Kind::Node, node);
    let value = node.and_then(|it| it["metadata"]["labels"][key].as_str());
    value.unwrap_or_default().to_owned()
}
