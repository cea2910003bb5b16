//! Law 24: Whenever nothing is done about a node that calls for it, a reason is given.

use std::time::Duration;

use serde_json::Value;
use unstall_crds::policy::Mode;
use unstall_crds::units::KernelVersion;

use super::{LAG, Past, Verdict, facts};
use crate::sim::api::kind::Kind;
use crate::sim::world::World;

/// The phases that can last for what others do.
const WAITING: [&str; 4] = ["Pending", "Draining", "Soaking", "HandedOver"];
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
        let waits = WAITING.contains(&phase) && status["outcome"].is_null();
        if waits && !has_reason && world.now.saturating_sub(since.max(world.unrest_until)) > SILENT
        {
            return Err(format!("{name} waits and says not for what"));
        }
    }
    sick(world, past)?;
    due(world, past)
}

/// A node whose turn in a roll-out of a kernel has not come is named with the reason.
fn due(world: &World, past: &Past) -> Verdict {
    let calm = |since: Duration| world.now.saturating_sub(since.max(world.unrest_until));
    for policy in facts::policies(world) {
        let mut triggers = policy.spec.triggers.iter();
        let wanted = triggers.find_map(|it| it.kernel.as_ref());
        let name = policy.metadata.name.clone().unwrap_or_default();
        let since = past.policies.get(&name).and_then(|all| all.last());
        let is_long_so = since.is_some_and(|(at, _)| calm(*at) > SICK);
        let Some(wanted) = wanted.filter(|_| is_long_so && policy.spec.mode == Mode::Enforce)
        else {
            continue;
        };
        for node in facts::covered(world, &policy) {
            let Some(host) = world.hosts.get(&node) else {
                continue;
            };
            let kernel = host.kernel.parse::<KernelVersion>();
            let is_old = kernel.is_ok_and(|it| it < wanted.at_least);
            // A slot that a human gives back is taken note of first.
            let is_released = past.released.get(&node).is_some_and(|at| calm(*at) < LAG);
            let is_up = host.is_up && calm(host.since) > SICK && !past.unready.contains_key(&node);
            let is_explained = has_incident(world, past, &node) || is_told(world, &name, &node);
            if is_old && is_up && !is_released && !is_explained {
                return Err(format!(
                    "{node} is due for {name}, and nobody says why it is not rebooted"
                ));
            }
        }
    }
    Ok(())
}

/// Whether the node has an incident, or had one a moment ago.
fn has_incident(world: &World, past: &Past, node: &str) -> bool {
    let calm = |since: &Duration| world.now.saturating_sub((*since).max(world.unrest_until));
    let is_fresh = |name: &String| past.incidents.get(name).is_some_and(|at| calm(at) <= SICK);
    (world.store.all(Kind::Remediation)).any(|(name, it)| {
        let is_open = it["status"]["outcome"].is_null();
        it["spec"]["nodeName"] == node && (is_open || is_fresh(name))
    })
}

/// Whether the policy says why nothing is done about the node.
fn is_told(world: &World, policy: &str, node: &str) -> bool {
    let blocked = world.store.get(Kind::Policy, policy);
    let blocked = blocked.and_then(|it| it["status"]["blocked"].as_array());
    let named = |it: &Value| {
        let nodes = it["nodes"].as_array();
        it["count"].as_u64() > Some(10) || nodes.is_some_and(|it| it.iter().any(|it| it == node))
    };
    blocked.is_some_and(|all| all.iter().any(named))
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
        let is_explained = has_incident(world, past, node) || is_told(world, policy, node);
        if !is_new && !is_explained && object["spec"]["mode"] == "Enforce" {
            return Err(format!(
                "{node} is sick for {policy}, and nobody says why nothing is done"
            ));
        }
    }
    Ok(())
}
