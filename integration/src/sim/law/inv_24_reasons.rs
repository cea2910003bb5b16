//! Law 24: Whenever nothing is done about a node that calls for it, a reason is given.

use std::time::Duration;

use super::{Past, Verdict};
use crate::sim::api::kind::Kind;
use crate::sim::world::World;

/// As long as an incident may wait until it says for what.
const SILENT: Duration = Duration::from_mins(20);

pub fn holds(world: &World, past: &Past) -> Verdict {
    // Who does not run says nothing.
    if world.processes.iter().all(|it| it.machine.is_none()) {
        return Ok(());
    }
    for (name, object) in world.store.all(Kind::Remediation) {
        let status = &object["status"];
        let phase = status["phase"].as_str().unwrap_or("Pending");
        let since = past.incidents.get(name).copied().unwrap_or(world.now);
        let has_reason = status["blockers"]
            .as_array()
            .is_some_and(|it| !it.is_empty());
        let waits = phase == "Pending" && status["outcome"].is_null();
        if waits && !has_reason && world.now.saturating_sub(since.max(world.unrest_until)) > SILENT
        {
            return Err(format!("{name} waits and says not for what"));
        }
    }
    Ok(())
}
