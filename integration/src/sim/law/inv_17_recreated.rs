//! Law 17: A command for an earlier node of that name does nothing.

use unstall_crds::command::CommandPayload;

use super::{Past, Verdict};
use crate::sim::world::World;

pub fn holds(world: &World, _: &Past, node: &str, payload: &CommandPayload) -> Verdict {
    let uid = world.hosts.get(node).map(|host| host.uid.as_str());
    if uid == Some(payload.node_uid.as_str()) {
        return Ok(());
    }
    Err(format!(
        "{node} has UID {uid:?}, {} is for {}",
        payload.id, payload.node_uid
    ))
}
