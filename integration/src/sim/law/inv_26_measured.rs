//! Law 26: A remedy begins on what was measured: by the probe that runs, and after whatever
//! may have worked before.

use unstall_crds::command::CommandPayload;
use unstall_crds::remediation::RungResult;

use super::{Past, Verdict, facts};
use crate::sim::world::World;

pub fn holds(world: &World, past: &Past, node: &str, payload: &CommandPayload) -> Verdict {
    let Some((name, _)) = facts::slot_of(world, node) else {
        return Ok(());
    };
    let incident = facts::incident(world, &name);
    let Some((spec, status)) = incident.and_then(|it| Some((it.spec.policy?, it.status?))) else {
        return Ok(());
    };
    if spec.trigger.is_none_or(|it| it.signal.is_none()) {
        return Ok(());
    }
    for rung in &status.rungs {
        let Some(id) = &rung.command_id else {
            continue;
        };
        if *id == payload.id && rung.before.is_none() {
            return Err(format!("{node} does {id}, and nothing was measured before"));
        }
        let was_done = past.done.iter().any(|it| it.id == *id);
        let said = rung.message.as_deref().unwrap_or_default();
        let is_given_up =
            rung.result == Some(RungResult::Failed) && said.starts_with("Interrupted");
        if *id != payload.id && was_done && is_given_up {
            return Err(format!(
                "{node} does {} after {id}, which was interrupted and is not known to have failed",
                payload.id
            ));
        }
    }
    Ok(())
}
