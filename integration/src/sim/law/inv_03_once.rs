//! Law 3: At most one deed of a command.

use unstall_crds::command::CommandPayload;

use super::{Past, Verdict};
use crate::sim::world::World;

pub fn holds(_: &World, past: &Past, node: &str, payload: &CommandPayload) -> Verdict {
    let before = past.done.iter().find(|it| it.id == payload.id);
    match before {
        None => Ok(()),
        Some(done) => Err(format!(
            "{node} does {} again, which {} did at {:?}",
            payload.id, done.node, done.at
        )),
    }
}
