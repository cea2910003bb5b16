//! Law 6: Nothing is done for a leader of which the node knows a successor, and none that
//! has one asks for anything to be changed.

use unstall_crds::command::CommandPayload;

use super::{Past, Verdict};
use crate::sim::api::kind::Kind;
use crate::sim::api::route::{Call, Verb};
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

/// When a process asks for a change.
pub fn of_ask(world: &World, _: &Past, process: usize, call: &Call) -> Verdict {
    let is_read = matches!(call.verb, Verb::Get | Verb::List | Verb::Watch);
    if is_read || matches!(call.kind, Kind::Lease | Kind::Event) {
        return Ok(());
    }
    let mut leases = world.store.all(Kind::Lease);
    let holder = leases.find_map(|(_, it)| it["spec"]["holderIdentity"].as_str());
    let own = world.processes[process].identity();
    match holder {
        Some(holder) if !holder.is_empty() && holder != own => Err(format!(
            "{own} asks to {} while {holder} leads",
            call.text()
        )),
        _ => Ok(()),
    }
}
