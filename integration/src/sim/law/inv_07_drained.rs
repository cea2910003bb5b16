//! Law 7: No reboot before the node was drained, or the policy's time-out let the rest stay.

use unstall_crds::command::{CommandAction, CommandPayload};
use unstall_crds::policy::{DrainAction, DrainTimeoutAction};

use super::{Past, Verdict, facts};
use crate::sim::api::kind::Kind;
use crate::sim::world::World;

pub fn holds(world: &World, past: &Past, node: &str, payload: &CommandPayload) -> Verdict {
    if payload.action != CommandAction::Reboot {
        return Ok(());
    }
    let slots = facts::slots(world);
    let Some(slot) = slots.iter().find(|slot| slot.node == node) else {
        // Released by a human while it was on its way.
        return Ok(());
    };
    let incident = facts::incident(world, &slot.remediation);
    let policy = incident.as_ref().and_then(|it| it.spec.policy.as_ref());
    // A drain that took too long says who was left; one that was done does not excuse anybody.
    let status = incident.as_ref().and_then(|it| it.status.as_ref());
    let was_late = status
        .and_then(|it| it.drain.as_ref())
        .is_some_and(|it| !it.left.is_empty());
    let proceeds =
        was_late && policy.is_some_and(|it| it.drain.on_timeout == DrainTimeoutAction::Proceed);
    // By true time, not by the leader's clock: who came after the last look before the
    // order was not there to be seen.
    let ordered = past.ordered.get(&(payload.id.clone(), payload.issued_at.0));
    let is_late = |key: &String| {
        past.placed
            .get(key)
            .zip(ordered)
            .is_some_and(|(at, ordered)| *at > ordered.looked)
    };
    let left: Vec<String> = (pods_of(world, node).into_iter())
        .filter(|key| !is_late(key))
        .collect();
    if left.is_empty() || proceeds {
        return Ok(());
    }
    Err(format!("{node} is rebooted with pods on it: {left:?}"))
}

/// Pods of the node that a drain sends away.
pub fn pods_of(world: &World, node: &str) -> Vec<String> {
    let pods = world.store.all(Kind::Pod);
    pods.filter(|(_, pod)| pod["spec"]["nodeName"] == node)
        .filter(|(_, pod)| pod["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet")
        .filter(|(_, pod)| !facts::rule_of(world, node, pod, DrainAction::Skip))
        .map(|(key, _)| key.clone())
        .collect()
}
