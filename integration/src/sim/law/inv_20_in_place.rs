//! Law 20: One `dropCaches` at a time on a node, and not too often.

use std::time::Duration;

use unstall_crds::command::{CommandAction, CommandPayload};

use super::{Past, Verdict};
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
