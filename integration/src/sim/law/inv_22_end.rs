//! 22. Once nothing goes wrong any more, everything comes to an end: no incident is at work,
//! no slot is held and no node is cordoned but for what a human is told of.

use super::{Past, Verdict, facts};
use crate::sim::api::kind::Kind;
use crate::sim::world::World;

pub fn holds(world: &World, _: &Past) -> Verdict {
    for (name, object) in world.store.all(Kind::Remediation) {
        let status = &object["status"];
        let phase = status["phase"].as_str().unwrap_or("Pending");
        if status["outcome"].is_null() && !["Holding", "Pending"].contains(&phase) {
            return Err(format!("{name} is still {phase}: {}", status["message"]));
        }
    }
    let slots = facts::slots(world);
    for slot in &slots {
        let incident = facts::incident(world, &slot.remediation);
        let status = incident.and_then(|it| it.status).unwrap_or_default();
        let is_held = status
            .outcome
            .is_some_and(|it| it != unstall_crds::remediation::Outcome::Fixed)
            || status.phase == unstall_crds::remediation::Phase::Holding;
        if !is_held {
            return Err(format!(
                "{} keeps a slot for {}",
                slot.node, slot.remediation
            ));
        }
    }
    for (name, node) in world.store.all(Kind::Node) {
        let Some(by) = facts::cordoned_by(node) else {
            continue;
        };
        let incident = facts::incident(world, by);
        let status = incident.and_then(|it| it.status).unwrap_or_default();
        let is_held = status
            .outcome
            .is_some_and(|it| it != unstall_crds::remediation::Outcome::Fixed)
            || status.phase == unstall_crds::remediation::Phase::Holding;
        if !is_held {
            return Err(format!("{name} is still cordoned by {by}"));
        }
    }
    Ok(())
}
