//! Law 25: What holds an incident up holds it up: windows, alerts, pods that forbid it,
//! approvals, gates, and the wish that a node be left alone.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use unstall_crds::command::{CommandAction, CommandPayload};
use unstall_crds::ledger::Slot;
use unstall_crds::policy::{Approval, Gate, GateTimeoutAction, Gates, NodeHealthPolicy, Remedy};
use unstall_crds::remediation::{NodeRemediation, Origin};

use super::past::LAG;
use super::{Past, Verdict, facts};
use crate::sim::api::kind::Kind;
use crate::sim::api::route::{Call, Verb};
use crate::sim::api::store::key;
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::{World, gate_key};

/// By how much a process's clock may be wrong here.
const SKEW: SignedDuration = SignedDuration::from_mins(11);

pub fn of_write(world: &World, past: &Past, actor: &Actor, commit: &Commit) -> Verdict {
    let known = world.known(actor, &[Kind::Node]);
    for slot in facts::taken(commit) {
        let since = past.skipped.get(&slot.node);
        if since.is_some_and(|since| *since < known) {
            return Err(format!(
                "a slot for {}, which is to be left alone",
                slot.node
            ));
        }
    }
    for slot in facts::disrupted(commit) {
        let Some(incident) = facts::incident(world, &slot.remediation) else {
            continue;
        };
        let is_by_hand = incident.spec.origin == Origin::Manual;
        if !is_by_hand {
            approved(past, &incident)?;
        }
        for policy in facts::policies(world) {
            if facts::covers(world, &policy, &slot.node) && is_old(past, &policy, world) {
                limits(world, past, &policy, &slot)?;
                let mut remedies = disruptive(&incident).into_iter();
                if !is_by_hand && !remedies.any(|it| it.hand_over.is_some()) {
                    windows(world, &policy, &slot)?;
                }
            }
        }
    }
    Ok(())
}

/// Whether the policy has been as it is for longer than a view may be old.
fn is_old(past: &Past, policy: &NodeHealthPolicy, world: &World) -> bool {
    let name = policy.metadata.name.as_deref().unwrap_or_default();
    past.policy_lately(name, world.now).len() == 1
}

fn limits(world: &World, past: &Past, policy: &NodeHealthPolicy, slot: &Slot) -> Verdict {
    let disruption = &policy.spec.disruption;
    let (name, node) = (
        policy.metadata.name.as_deref().unwrap_or_default(),
        &slot.node,
    );
    let since = world.others.firing_since(world.now);
    let fires = since.is_some_and(|since| world.now.saturating_sub(since) > LAG);
    if fires && !disruption.blocked_by.alerts.firing.is_empty() {
        return Err(format!(
            "a slot for {node} while an alert fires that {name} names"
        ));
    }
    let names = |pod: &Value| {
        let labels = serde_json::from_value(pod["metadata"]["labels"].clone()).unwrap_or_default();
        let mut selectors = disruption.blocked_by.pods.iter().map(|it| &it.pod_selector);
        selectors.any(|selector| selector.matches(&labels))
    };
    let mut pods = world.store.all(Kind::Pod);
    let stays = pods.find(|(key, pod)| {
        let since = past.placed.get(*key);
        pod["spec"]["nodeName"] == node.as_str()
            && names(pod)
            && since.is_some_and(|since| world.now.saturating_sub(*since) > LAG)
    });
    match stays {
        Some((pod, _)) => Err(format!(
            "a slot for {node}, where {pod} forbids it to {name}"
        )),
        None => Ok(()),
    }
}

/// Windows are for reboots and cordons here; whoever opens an incident by hand chooses the
/// time.
fn windows(world: &World, policy: &NodeHealthPolicy, slot: &Slot) -> Verdict {
    let allow = &policy.spec.disruption.windows.allow;
    let mut times = [-SKEW, SignedDuration::ZERO, SKEW].into_iter();
    let is_open = allow.is_empty()
        || times.any(|by| {
            let at = world.wall().saturating_add(by).unwrap_or_default();
            let mut windows = allow.iter();
            windows.any(|it| is_between(at, &it.time_zone, &it.start, &it.end))
        });
    if is_open {
        return Ok(());
    }
    let name = policy.metadata.name.as_deref().unwrap_or_default();
    let node = &slot.node;
    Err(format!(
        "a slot for {node} outside of the windows of {name}"
    ))
}

/// Whether `at` is between two times of the day, of a zone whose clocks never change.
fn is_between(at: Timestamp, zone: &str, start: &str, end: &str) -> bool {
    let ahead = if zone == "Asia/Tokyo" { 9 * 60 } else { 0 };
    let minute = |text: &str| {
        let (hours, minutes) = text.split_once(':').unwrap_or_default();
        let number = |it: &str| it.parse::<i64>().unwrap_or_default();
        number(hours) * 60 + number(minutes)
    };
    let now = (at.as_second() / 60 + ahead).rem_euclid(24 * 60);
    let (start, end) = (minute(start), minute(end));
    if start < end {
        (start..end).contains(&now)
    } else {
        now >= start || now < end
    }
}

/// The remedies of an incident that take its node away.
fn disruptive(incident: &NodeRemediation) -> Vec<&Remedy> {
    let Some(policy) = &incident.spec.policy else {
        return Vec::new();
    };
    let ladder = match (&policy.trigger, incident.spec.remedies.as_slice()) {
        (Some(trigger), []) => trigger.remedies.as_slice(),
        (_, by_hand) => by_hand,
    };
    let remedies = policy.remedies.iter();
    remedies
        .filter(|it| it.drop_caches.is_none() && ladder.contains(&it.name))
        .collect()
}

/// What a human must approve.
fn approved(past: &Past, incident: &NodeRemediation) -> Verdict {
    let name = incident.metadata.name.clone().unwrap_or_default();
    let is_bound = |it: &&Remedy| it.approval == Approval::Manual;
    if disruptive(incident).iter().all(is_bound) && !past.approved.contains(&name) {
        return Err(format!("a slot for {name}, which nobody approved"));
    }
    Ok(())
}

/// No pod leaves before the gates are open.
pub fn of_call(world: &World, _: &Past, call: &Call, _: &Value) -> Verdict {
    let is_eviction = call.subresource.as_deref() == Some("eviction");
    if call.kind != Kind::Pod || !(is_eviction || call.verb == Verb::Delete) {
        return Ok(());
    }
    let key = key(call.namespace.as_deref(), &call.name);
    let Some(pod) = world.store.get(Kind::Pod, &key) else {
        return Ok(());
    };
    let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    are_open(world, node, |gates| &gates.before_drain)
}

/// No node is rebooted before the gates are open.
pub fn of_deed(world: &World, _: &Past, node: &str, payload: &CommandPayload) -> Verdict {
    if payload.action != CommandAction::Reboot {
        return Ok(());
    }
    are_open(world, node, |gates| &gates.before_reboot)
}

fn are_open(world: &World, node: &str, point: impl Fn(&Gates) -> &Vec<Gate>) -> Verdict {
    let Some(incident) = facts::incident_of(world, node) else {
        return Ok(());
    };
    let name = incident.metadata.name.as_deref().unwrap_or_default();
    let object = world.store.get(Kind::Node, node);
    let is_open = |gate: &Gate| {
        object.is_some_and(|it| it["metadata"]["annotations"][gate_key(&gate.name)] == name)
    };
    let policy = incident.spec.policy.iter();
    let mut gates = policy.flat_map(|it| point(&it.gates));
    let closed = gates.find(|it| it.on_timeout == GateTimeoutAction::Abort && !is_open(it));
    match closed {
        Some(gate) => Err(format!(
            "{name} goes through the gate {}, which is closed",
            gate.name
        )),
        None => Ok(()),
    }
}
