//! Law 2: The same for each group of a topology, and of the control plane one at most.

use std::collections::BTreeMap;

use super::{Past, Verdict, facts};
use crate::sim::api::kind::Kind;
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::World;

pub fn holds(world: &World, past: &Past, _: &Actor, commit: &Commit) -> Verdict {
    if facts::disrupted(commit).is_empty() {
        return Ok(());
    }
    let slots = facts::slots(world);
    let disrupted = facts::nodes_disrupted(&slots);
    control_plane(world, &disrupted)?;
    for policy in facts::policies(world) {
        let name = policy.metadata.name.clone().unwrap_or_default();
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
                group.1 += u32::from(disrupted.contains(&node.as_str()));
            }
            for (value, (total, used)) in groups {
                let limit = budget.max_unavailable.nodes_of(total);
                if used > limit {
                    return Err(format!(
                        "policy {name} allows {limit} of {} {value}, {used} have slots: {disrupted:?}",
                        budget.key
                    ));
                }
            }
        }
    }
    Ok(())
}

fn control_plane(world: &World, disrupted: &[&str]) -> Verdict {
    let key = "node-role.kubernetes.io/control-plane";
    let is_of_it = |node: &&&str| {
        let node = world.store.get(Kind::Node, node);
        node.is_some_and(|it| it["metadata"]["labels"].get(key).is_some())
    };
    let of_it: Vec<_> = disrupted.iter().filter(is_of_it).collect();
    if of_it.len() > 1 {
        return Err(format!("{of_it:?} are all of the control plane"));
    }
    Ok(())
}

fn value(world: &World, node: &str, key: &str) -> String {
    let node = world.store.get(Kind::Node, node);
    let value = node.and_then(|it| it["metadata"]["labels"][key].as_str());
    value.unwrap_or_default().to_owned()
}
