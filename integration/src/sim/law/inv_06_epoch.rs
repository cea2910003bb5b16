//! Law 6: Nothing is done for a leader of which the node knows a successor.

use unstall_crds::command::CommandPayload;

use super::{Past, Verdict};
use crate::sim::world::World;

pub fn holds(_: &World, past: &Past, node: &str, payload: &CommandPayload) -> Verdict {
    let of_node = past.done.iter().filter(|it| it.node == node);
    match of_node.map(|it| it.epoch).max() {
        Some(highest) if payload.epoch < highest => Err(format!(
            "{node} does {} of epoch {} after epoch {highest}",
            payload.id, payload.epoch
        )),
        _ => Ok(()),
    }
}
