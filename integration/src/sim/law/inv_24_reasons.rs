//! Law 24: Whenever nothing is done about a node that calls for it, a reason is given.

use std::time::Duration;

use serde_json::Value;

use super::{Past, Verdict};
use crate::sim::api::kind::Kind;
use crate::sim::world::World;

/// As long as an incident may wait until it says for what.
const SILENT: Duration = Duration::from_mins(20);
/// As long as a sick node may have neither an incident nor a reason.
const SICK: Duration = Duration::from_mins(30);
/// A probe that wrote within this is no silent one.
const HEARD: Duration = Duration::from_mins(3);

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
    sick(world, past)
}

/// A node that is sick for a policy has an incident, or the policy says why it has none.
fn sick(world: &World, past: &Past) -> Verdict {
    let calm = |since: &Duration| world.now.saturating_sub((*since).max(world.unrest_until));
    let long = past
        .unhealthy
        .iter()
        .filter(|(_, since)| calm(since) > SICK);
    for (key, _) in long {
        let (policy, node) = key.split_once('/').unwrap_or_default();
        // Of whom nothing is heard nobody knows whether it is sick.
        let is_heard = past.heard.get(node).is_some_and(|since| calm(since) > SICK)
            && past
                .beats
                .get(node)
                .is_some_and(|at| world.now.saturating_sub(*at) < HEARD);
        let Some(object) = world.store.get(Kind::Policy, policy) else {
            continue;
        };
        if !is_heard {
            continue;
        }
        let health = world.store.get(Kind::Health, node);
        let fires = |it: &&Value| it["policy"] == policy && it["state"] == "Firing";
        let firing = health.and_then(|it| it["status"]["triggers"].as_array());
        let mut firing = firing.into_iter().flatten().filter(fires);
        // A trigger without remedies is for measuring alone.
        let has_remedies = |name: &Value| {
            let triggers = object["spec"]["triggers"].as_array();
            let mut of_name = triggers
                .into_iter()
                .flatten()
                .filter(|it| it["name"] == *name);
            of_name.any(|it| it["remedies"].as_array().is_some_and(|it| !it.is_empty()))
        };
        if !firing.any(|it| has_remedies(&it["name"])) {
            continue;
        }
        let since = past.policies.get(policy).and_then(|all| all.last());
        let is_new = since.is_none_or(|(at, _)| calm(at) <= SICK);
        // One that ended a moment ago is about to be told of.
        let is_fresh = |name: &String| past.incidents.get(name).is_some_and(|at| calm(at) <= SICK);
        let has_incident = (world.store.all(Kind::Remediation)).any(|(name, it)| {
            let is_open = it["status"]["outcome"].is_null();
            it["spec"]["nodeName"] == node && (is_open || is_fresh(name))
        });
        let blocked = object["status"]["blocked"].as_array();
        let named = |it: &Value| {
            let nodes = it["nodes"].as_array();
            it["count"].as_u64() > Some(10)
                || nodes.is_some_and(|it| it.iter().any(|it| it == node))
        };
        let is_told = blocked.is_some_and(|all| all.iter().any(named));
        if !is_new && !has_incident && !is_told && object["spec"]["mode"] == "Enforce" {
            return Err(format!(
                "{node} is sick for {policy}, and nobody says why nothing is done"
            ));
        }
    }
    Ok(())
}
