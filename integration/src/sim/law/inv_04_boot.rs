//! Law 4: Nothing is done in another boot than the one that was decided on.

use unstall_crds::command::CommandPayload;

use super::{Past, Verdict};
use crate::sim::world::World;

pub fn holds(world: &World, _: &Past, node: &str, payload: &CommandPayload) -> Verdict {
    let boot = world
        .hosts
        .get(node)
        .map(super::super::world::Host::boot_id);
    if boot.as_deref() == Some(payload.expect_boot_id.as_str()) {
        return Ok(());
    }
    Err(format!(
        "{node} runs {boot:?}, {} is for {}",
        payload.id, payload.expect_boot_id
    ))
}
