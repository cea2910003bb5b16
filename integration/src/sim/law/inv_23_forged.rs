//! Law 23: What the controller did not sign is not done.

use unstall_crds::command::CommandPayload;

use super::{Past, Verdict};
use crate::sim::world::World;

pub fn holds(_: &World, _: &Past, node: &str, payload: &CommandPayload) -> Verdict {
    if payload.id.starts_with("forged") {
        return Err(format!("{node} does {}, which is forged", payload.id));
    }
    Ok(())
}
