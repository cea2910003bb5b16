//! Law 5: Nothing is done after a command expired, by the node's clock.

use jiff::SignedDuration;
use unstall_crds::command::CommandPayload;

use super::{Past, Verdict};
use crate::sim::world::World;

pub fn holds(world: &World, _: &Past, node: &str, payload: &CommandPayload) -> Verdict {
    let Some(host) = world.hosts.get(node) else {
        return Err(format!("{node} is gone and does {}", payload.id));
    };
    let clock = host.clock(world.wall());
    // Times of the API are whole seconds.
    if clock >= payload.expires_at.0 + SignedDuration::from_secs(1) {
        return Err(format!(
            "{node} does {} at {clock}, which expired at {}",
            payload.id, payload.expires_at.0
        ));
    }
    Ok(())
}
