//! Law 24: Whenever nothing is done about a node that calls for it, a reason is given.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use unstall_crds::policy::Mode;
use unstall_crds::units::KernelVersion;

use super::{Past, Verdict, facts};
use crate::sim::api::kind::Kind;
use crate::sim::world::World;

/// The phases that can last for what others do.
const WAITING: [&str; 3] = ["Draining", "Soaking", "HandedOver"];
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
    told(world, past)
}

/// A node that is sick, or whose turn in a roll-out of a kernel has not come, has an incident
/// or is named with the reason. What was not there at two looks is no matter of a moment: an
/// incident that is about to be opened, a slot that a human gave back.
fn told(world: &World, past: &Past) -> Verdict {
    let untold = untold(world, past);
    let Some((policy, node)) = untold.intersection(&past.untold).next() else {
        return Ok(());
    };
    if world.store.get(Kind::Remediation, policy).is_some() {
        return Err(format!(
            "{policy} goes on in nothing, and says not why: {node}"
        ));
    }
    let status = world.store.get(Kind::Policy, policy);
    let status = status.map(|it| it["status"].to_string());
    Err(format!(
        "{node} is sick or due for {policy}, and nobody says why nothing is done: {}",
        status.unwrap_or_default()
    ))
}

/// Nodes that are sick or due for the kernel of a policy, without an incident and a reason;
/// and incidents that wait for others without one, with how far they are.
pub fn untold(world: &World, past: &Past) -> BTreeSet<(String, String)> {
    let calm = |since: Duration| world.now.saturating_sub(since.max(world.unrest_until));
    let waits = |(name, object): &(&String, &Arc<Value>)| {
        let status = &object["status"];
        let phase = status["phase"].as_str().unwrap_or_default();
        let since = past.incidents.get(*name).copied().unwrap_or(world.now);
        let has_reason = (status["blockers"].as_array()).is_some_and(|it| !it.is_empty());
        let is_open = WAITING.contains(&phase) && status["outcome"].is_null();
        is_open && !has_reason && calm(since) > SILENT
    };
    let waiting = world.store.all(Kind::Remediation).filter(waits);
    let mut all: BTreeSet<_> = waiting
        .map(|(name, object)| (name.clone(), object["status"]["drain"].to_string()))
        .collect();
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
        let is_due = |node: &String| {
            let host = world.hosts.get(node);
            let host = host.filter(|it| it.is_up && calm(it.since) > SICK);
            let kernel = host.and_then(|it| it.kernel.parse::<KernelVersion>().ok());
            kernel.is_some_and(|it| it < wanted.at_least) && !past.unready.contains_key(node)
        };
        let due = facts::covered(world, &policy).into_iter().filter(is_due);
        let silent =
            due.filter(|node| !has_incident(world, past, node) && !is_told(world, &name, node));
        all.extend(silent.map(|node| (name.clone(), node)));
    }
    all.extend(sick(world, past));
    all
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

/// Policies and nodes that are sick for them, without an incident and a reason.
fn sick(world: &World, past: &Past) -> Vec<(String, String)> {
    let mut untold = Vec::new();
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
            untold.push((policy.to_owned(), node.to_owned()));
        }
    }
    untold
}
