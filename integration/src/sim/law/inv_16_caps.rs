//! Law 16: The caps hold, whatever was restarted or made again.

use std::time::Duration;

use unstall_crds::command::{CommandAction, CommandPayload};
use unstall_crds::policy::RemedyKind;

use super::{Past, Verdict, facts};
use crate::sim::world::World;

const DAY: Duration = Duration::from_hours(24);

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
    let policies = facts::policies(world);
    let limits = policies.iter().filter(|it| facts::covers(world, it, node));
    let limit = limits
        .map(|it| usize::from(it.spec.disruption.max_reboots_per_node_per_24h))
        .max();
    match limit {
        Some(limit) if reboots > limit => Err(format!(
            "{node} ({uid}) is rebooted {reboots} times in 24 h, {limit} are allowed"
        )),
        _ => Ok(()),
    }
}
