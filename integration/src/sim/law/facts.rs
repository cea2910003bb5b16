//! What is written of the cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use unstall_crds::ledger::{DisruptionLedger, HistoryEntry, Slot, SlotKind};
use unstall_crds::names::{LEDGER, annotation, taint};
use unstall_crds::policy::{DrainAction, NodeHealthPolicy, Remedy};
use unstall_crds::remediation::NodeRemediation;

use super::Past;
use crate::sim::api::kind::Kind;
use crate::sim::api::write::Commit;
use crate::sim::world::World;

/// The policy in an object of the API.
pub fn policy(object: &Value) -> Option<NodeHealthPolicy> {
    serde_json::from_value(object.clone()).ok()
}

/// Every policy.
pub fn policies(world: &World) -> Vec<NodeHealthPolicy> {
    let all = world.store.all(Kind::Policy);
    all.filter_map(|(_, object)| policy(object)).collect()
}

/// The incident of this name.
pub fn incident(world: &World, name: &str) -> Option<NodeRemediation> {
    let object = world.store.get(Kind::Remediation, name)?;
    serde_json::from_value(object.as_ref().clone()).ok()
}

/// The ledger.
pub fn ledger(object: &Value) -> Option<DisruptionLedger> {
    serde_json::from_value(object.clone()).ok()
}

pub fn slots(world: &World) -> Vec<Slot> {
    let object = world.store.get(Kind::Ledger, LEDGER);
    let ledger = object.and_then(|it| ledger(it));
    ledger
        .and_then(|it| it.status)
        .map_or_else(Vec::new, |status| status.slots)
}

/// What was done, as the ledger keeps it.
pub fn history(world: &World) -> Vec<HistoryEntry> {
    let object = world.store.get(Kind::Ledger, LEDGER);
    let ledger = object.and_then(|it| ledger(it));
    ledger
        .and_then(|it| it.status)
        .map_or_else(Vec::new, |status| status.history)
}

/// The nodes of slots that disrupt.
pub fn nodes_disrupted(slots: &[Slot]) -> Vec<&str> {
    let disruptive = slots.iter().filter(|slot| slot.kind.is_disruptive());
    disruptive.map(|slot| slot.node.as_str()).collect()
}

/// The incident that has the node's slot, and since when.
pub fn slot_of(world: &World, node: &str) -> Option<(String, jiff::Timestamp)> {
    let slots = slots(world);
    let slot = slots.iter().find(|slot| slot.node == node)?;
    Some((slot.remediation.clone(), slot.since.0))
}

/// The incident that has cordoned the node.
pub fn incident_of(world: &World, node: &str) -> Option<NodeRemediation> {
    let object = world.store.get(Kind::Node, node)?;
    incident(world, cordoned_by(object)?)
}

/// The remedy of the node's incident that gave the command.
pub fn remedy_of(world: &World, node: &str, id: &str) -> Option<Remedy> {
    let incident = incident_of(world, node)?;
    let status = incident.status.unwrap_or_default();
    let mut rungs = status.rungs.into_iter();
    let rung = rungs.find(|it| it.command_id.as_deref() == Some(id))?;
    let known = incident.spec.policy?.remedies;
    known.into_iter().find(|it| it.name == rung.remedy)
}

/// Whether the incident that has the node has a rule for the pod with this step.
pub fn rule_of(world: &World, node: &str, pod: &Value, action: DrainAction) -> bool {
    let incident = incident_of(world, node);
    let policy = incident.as_ref().and_then(|it| it.spec.policy.as_ref());
    let labels: BTreeMap<String, String> =
        serde_json::from_value(pod["metadata"]["labels"].clone()).unwrap_or_default();
    let mut rules = policy.into_iter().flat_map(|it| &it.drain.rules);
    rules.any(|rule| {
        let selector = rule.pod_selector.as_ref();
        selector.is_some_and(|it| it.matches(&labels))
            && rule.steps.iter().any(|step| step.action == action)
    })
}

/// The slots that a write of the ledger added.
pub fn taken(commit: &Commit) -> Vec<Slot> {
    if commit.kind != Kind::Ledger {
        return Vec::new();
    }
    let slots = |object: &Option<std::sync::Arc<Value>>| {
        let ledger = object.as_ref().and_then(|it| ledger(it));
        ledger
            .and_then(|it| it.status)
            .map_or_else(Vec::new, |status| status.slots)
    };
    let before = slots(&commit.before);
    let after = slots(&commit.after).into_iter();
    after
        .filter(|slot| !before.iter().any(|it| it == slot))
        .collect()
}

/// The slots that disrupt which a write of the ledger added.
pub fn disrupted(commit: &Commit) -> Vec<Slot> {
    let taken = taken(commit).into_iter();
    taken
        .filter(|slot| slot.kind == SlotKind::Disruptive)
        .collect()
}

/// Whether the policy covers the node of this name.
pub fn covers(world: &World, policy: &NodeHealthPolicy, node: &str) -> bool {
    let node = world.store.get(Kind::Node, node);
    node.is_some_and(|it| selects(policy, it))
}

fn selects(policy: &NodeHealthPolicy, node: &Value) -> bool {
    let labels = node["metadata"]["labels"].clone();
    let labels = serde_json::from_value(labels).unwrap_or_default();
    let selector = &policy.spec.node_selector;
    !selector.is_empty() && selector.matches(&labels)
}

/// The names of the nodes that the policy covers.
pub fn covered(world: &World, policy: &NodeHealthPolicy) -> Vec<String> {
    let nodes = world.store.all(Kind::Node).map(|(name, _)| name.clone());
    nodes.filter(|name| covers(world, policy, name)).collect()
}

/// How many nodes the policy covers for whoever knew what there was at `known`: those that
/// were removed since may still be there for them.
pub fn total(world: &World, past: &Past, policy: &NodeHealthPolicy, known: Duration) -> u32 {
    let mut names: BTreeSet<String> = covered(world, policy).into_iter().collect();
    let gone = past.gone.iter();
    let unseen = gone.filter(|(_, (at, node))| *at >= known && selects(policy, node));
    names.extend(unseen.map(|(name, _)| name.clone()));
    u32::try_from(names.len()).unwrap_or(u32::MAX)
}

pub fn is_ready(node: &Value) -> bool {
    let conditions = node["status"]["conditions"].as_array();
    conditions.is_some_and(|all| {
        all.iter()
            .any(|it| it["type"] == "Ready" && it["status"] == "True")
    })
}

/// Whether a pod is a replica of the controller.
pub fn is_own(pod: &Value) -> bool {
    pod["metadata"]["labels"]["app.kubernetes.io/name"] == "unstall"
}

pub fn is_cordoned(node: &Value) -> bool {
    node["spec"]["unschedulable"] == true
}

pub fn cordoned_by(node: &Value) -> Option<&str> {
    node["metadata"]["annotations"][annotation::CORDONED_BY].as_str()
}

pub fn is_away(node: &Value) -> bool {
    !is_ready(node) || is_cordoned(node)
}

/// Whether somebody else has the node, by its taints.
pub fn is_owned(node: &Value) -> bool {
    let taints = node["spec"]["taints"].as_array();
    let foreign = |it: &Value| {
        let key = it["key"].as_str().unwrap_or_default();
        taint::OF_OTHERS.iter().any(|(foreign, _)| *foreign == key)
    };
    taints.is_some_and(|all| all.iter().any(foreign))
}

/// Whether somebody wants the node left alone.
pub fn is_skipped(node: &Value) -> bool {
    node["metadata"]["annotations"][annotation::SKIP].is_string()
}

/// Whether the node is unhealthy for `policy`, by what its kubelet and its probe last wrote.
pub fn is_unhealthy(world: &World, policy: &str, name: &str) -> bool {
    let Some(node) = world.store.get(Kind::Node, name) else {
        return false;
    };
    let health = world.store.get(Kind::Health, name);
    let triggers = health.and_then(|it| it["status"]["triggers"].as_array());
    let fires = |it: &Value| it["policy"] == policy && it["state"] == "Firing";
    !is_ready(node) || triggers.is_some_and(|all| all.iter().any(fires))
}

/// Whether the incident is one of a roll-out that failed.
pub fn is_failed_rollout(object: &Value) -> bool {
    let outcome = object["status"]["outcome"].as_str().unwrap_or_default();
    let trigger = &object["spec"]["policy"]["trigger"];
    (trigger["kernel"].is_object() || trigger["rebootRequired"].is_object())
        && ["Failed", "NotFixed", "Recurred"].contains(&outcome)
}
