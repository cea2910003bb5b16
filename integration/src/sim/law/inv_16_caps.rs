//! Law 16: The caps hold, whatever was restarted or made again.

use std::time::Duration;

use unstall_crds::command::{CommandAction, CommandPayload};
use unstall_crds::policy::{Disruption, RemedyKind};
use unstall_crds::remediation::Origin;

use super::{LAG, Past, Verdict, facts};
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::World;

const DAY: Duration = Duration::from_hours(24);
/// By how much a process's clock may be wrong here.
const SKEW: Duration = Duration::from_mins(11);

/// What counts for the caps outlives whoever counts it: it is in the ledger before it
/// is done.
pub fn is_kept(world: &World, _: &Past, node: &str, payload: &CommandPayload) -> Verdict {
    let wanted = match payload.action {
        CommandAction::Reboot => RemedyKind::Reboot,
        CommandAction::DropCaches => RemedyKind::DropCaches,
    };
    let history = facts::history(world);
    let mut of_node = history.iter().filter(|it| it.node == node);
    if of_node.any(|it| it.action == wanted) {
        return Ok(());
    }
    Err(format!("{node}: {wanted} is done and not in the ledger"))
}

pub fn holds(world: &World, past: &Past, node: &str, payload: &CommandPayload) -> Verdict {
    if payload.action != CommandAction::Reboot {
        return Ok(());
    }
    let uid = &payload.node_uid;
    let since = world.now.saturating_sub(DAY);
    let reboots = past
        .done
        .iter()
        .filter(|it| it.node == node && it.action == CommandAction::Reboot && it.at >= since);
    let reboots = reboots.count() + 1;
    // Its slot counts for the reboot: a policy that came later asks for nothing of it.
    let taken = past.taken.get(node).copied().unwrap_or(world.now);
    let of = |it: &Disruption| usize::from(it.max_reboots_per_node_per_24h);
    match smallest(world, past, node, taken, of) {
        Some(limit) if reboots > limit => Err(format!(
            "{node} ({uid}) is rebooted {reboots} times in 24 h, {limit} are allowed"
        )),
        _ => Ok(()),
    }
}

/// No remedy is used on a node more often than it may be.
pub fn is_unused(world: &World, past: &Past, node: &str, payload: &CommandPayload) -> Verdict {
    let Some(remedy) = facts::remedy_of(world, node, &payload.id) else {
        return Ok(());
    };
    let since = world.now.saturating_sub(DAY);
    let done = past.done.iter().filter(|it| it.at >= since);
    let uses = done.filter(|it| it.node == node && it.remedy.as_ref() == Some(&remedy.name));
    let (uses, limit) = (uses.count() + 1, usize::from(remedy.max_per_node_per_24h));
    if uses <= limit {
        return Ok(());
    }
    Err(format!(
        "{node}: {} is used {uses} times in 24 h, {limit} are allowed",
        remedy.name
    ))
}

/// The smallest that the covering policies say that were there at `known`, each by what was
/// lately the largest.
fn smallest<T: Ord>(
    world: &World,
    past: &Past,
    node: &str,
    known: Duration,
    of: impl Fn(&Disruption) -> T,
) -> Option<T> {
    let policies = facts::policies(world);
    let covering = policies.iter().filter(|it| facts::covers(world, it, node));
    let names = covering.filter_map(|it| it.metadata.name.as_deref());
    let known = known.saturating_sub(LAG);
    let names = names.filter(|it| past.is_there_since(it, known));
    let lately = |name: &str| {
        let lately = past.policy_lately(name, world.now).into_iter();
        let known = lately.filter_map(facts::policy);
        known.map(|it| of(&it.spec.disruption)).max()
    };
    names.filter_map(lately).min()
}

/// A node that something was done about is left alone for a while.
pub fn cools_down(world: &World, past: &Past, _: &Actor, commit: &Commit) -> Verdict {
    for slot in facts::taken(commit) {
        let incident = facts::incident(world, &slot.remediation);
        let Some(incident) = incident.filter(|it| it.spec.origin != Origin::Manual) else {
            continue;
        };
        // The next rung of an incident waits for nothing.
        let is_begun = incident.status.is_some_and(|it| !it.rungs.is_empty());
        let mut done = past.done.iter().rev();
        let Some(last) = done.find(|it| it.node == slot.node).filter(|_| !is_begun) else {
            continue;
        };
        // Of an incident whose record a human deleted the ledger knows when it began.
        let begun = last.slot.as_ref().and_then(|(name, since)| {
            let is_gone = facts::incident(world, name).is_none();
            let ago = world.wall().duration_since(*since);
            is_gone.then(|| world.now.saturating_sub(ago.unsigned_abs()))
        });
        let longest = |it: &Disruption| std::cmp::Reverse(it.cooldown_per_node.get());
        let pause = smallest(world, past, &slot.node, world.now, longest);
        let pause = pause.map(|it| it.0).unwrap_or_default();
        if world.now + SKEW < begun.unwrap_or(last.at) + pause {
            return Err(format!(
                "a slot for {} {:?} after {}, {pause:?} are to pass",
                slot.node,
                world.now.saturating_sub(last.at),
                last.id
            ));
        }
    }
    Ok(())
}
