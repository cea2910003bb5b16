//! Law 16: The caps hold, whatever was restarted or made again.

use std::time::Duration;

use unstall_crds::command::{CommandAction, CommandPayload};

use super::{Past, Verdict, facts};
use crate::sim::world::World;

const DAY: Duration = Duration::from_hours(24);

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
