//! Law 20: One `dropCaches` at a time on a node, and not too often.

use std::time::Duration;

use unstall_crds::command::{CommandAction, CommandPayload};

use super::{Past, Verdict, facts};
use crate::sim::api::kind::Kind;
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::World;

/// The actuator's own limit.
const PAUSE: Duration = Duration::from_secs(59);

pub fn holds(world: &World, past: &Past, node: &str, payload: &CommandPayload) -> Verdict {
    if payload.action != CommandAction::DropCaches {
        return Ok(());
    }
    if world.hosts.get(node).is_some_and(|host| host.is_busy) {
        return Err(format!("{node} is at work when it begins {}", payload.id));
    }
    let mut before = past.done.iter().rev().filter(|it| it.node == node);
    match before.next() {
        Some(last) if world.now.saturating_sub(last.at) < PAUSE => Err(format!(
            "{node} begins {} {:?} after {}",
            payload.id,
            world.now.saturating_sub(last.at),
            last.id
        )),
        _ => Ok(()),
    }
}

/// Not more nodes are cured in place at once than each policy allows.
pub fn of_write(world: &World, past: &Past, actor: &Actor, commit: &Commit) -> Verdict {
    let taken = facts::taken(commit);
    if !taken.iter().any(|slot| !slot.kind.is_disruptive()) {
        return Ok(());
    }
    let slots = facts::slots(world);
    for policy in facts::policies(world) {
        let covered = facts::covered(world, &policy);
        let used = slots
            .iter()
            .filter(|slot| !slot.kind.is_disruptive() && covered.contains(&slot.node));
        let used = u32::try_from(used.count()).unwrap_or(u32::MAX);
        let total = facts::total(world, past, &policy, world.known(actor, &[Kind::Node]));
        let name = policy.metadata.name.clone().unwrap_or_default();
        if !past.is_there_since(&name, world.known(actor, &[Kind::Policy])) {
            continue;
        }
        let lately = past.policy_lately(&name, world.now).into_iter();
        let limits = lately.filter_map(facts::policy);
        let limit = limits
            .map(|it| it.spec.disruption.max_in_place.nodes_of(total))
            .max();
        if used > limit.unwrap_or_default() {
            return Err(format!("policy {name}: {used} slots in place"));
        }
    }
    Ok(())
}
