//! Law 3: At most one deed of a command, and one of a remedy whatever its commands are
//! called: a slot stands for one.

use unstall_crds::command::CommandPayload;

use super::{Past, Verdict, facts};
use crate::sim::world::World;

pub fn holds(world: &World, past: &Past, node: &str, payload: &CommandPayload) -> Verdict {
    let slot = facts::slot_of(world, node);
    let is_same = |it: &&super::past::Done| {
        let is_of_slot = it.node == node && it.action == payload.action && it.slot == slot;
        it.id == payload.id || (slot.is_some() && is_of_slot)
    };
    match past.done.iter().find(is_same) {
        None => Ok(()),
        Some(done) => Err(format!(
            "{node} does {} after it did {} at {:?}",
            payload.id, done.id, done.at
        )),
    }
}
