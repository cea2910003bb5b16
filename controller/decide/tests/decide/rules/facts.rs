//! What is true of a snapshot, as the rules see it.

use std::collections::BTreeSet;

use kube::ResourceExt;
use unstall_crds::health::{TriggerState, TriggerStatus};
use unstall_crds::ledger::{DisruptionLedgerStatus, Slot, SlotKind};
use unstall_crds::policy::{NodeHealthPolicy, Trigger};
use unstall_crds::remediation::{NodeRemediation, NodeRemediationStatus, Phase};
use unstall_decide::{Action, Node, Plan, Snapshot};

pub fn open(snapshot: &Snapshot) -> impl Iterator<Item = &NodeRemediation> {
    let all = snapshot.remediations.iter().map(AsRef::as_ref);
    all.filter(|it| !has_ended(it))
}

pub fn has_ended(it: &NodeRemediation) -> bool {
    it.status.as_ref().is_some_and(|s| s.outcome.is_some())
}

pub fn incident<'a>(snapshot: &'a Snapshot, name: &str) -> Option<&'a NodeRemediation> {
    let mut all = snapshot.remediations.iter();
    all.find(|it| it.name_any() == name).map(AsRef::as_ref)
}

/// The status of an incident after the plan.
pub fn after<'a>(
    snapshot: &'a Snapshot,
    plan: &'a Plan,
    name: &str,
) -> Option<&'a NodeRemediationStatus> {
    let written = plan.actions.iter().find_map(|action| match action {
        Action::SetStatus {
            remediation,
            status,
            ..
        } if remediation == name => Some(status.as_ref()),
        _ => None,
    });
    written.or_else(|| incident(snapshot, name)?.status.as_ref())
}

pub fn phase(status: Option<&NodeRemediationStatus>) -> Phase {
    status.map_or(Phase::Pending, |status| status.phase)
}

pub fn ledger(snapshot: &Snapshot) -> DisruptionLedgerStatus {
    let ledger = snapshot.ledger.as_ref();
    ledger.and_then(|l| l.status.clone()).unwrap_or_default()
}

pub fn slot<'a>(snapshot: &'a Snapshot, node: &str, incident: &str) -> Option<&'a Slot> {
    let mut slots = snapshot.slots();
    slots.find(|slot| slot.node == node && slot.remediation == incident)
}

/// Whether the incident holds the node's slot, or takes it in the plan.
pub fn has_slot(snapshot: &Snapshot, plan: &Plan, node: &str, incident: &str) -> bool {
    let takes = plan.actions.iter().any(|action| match action {
        Action::TakeSlot(it) => it.slot.node == node && it.slot.remediation == incident,
        _ => false,
    });
    takes || slot(snapshot, node, incident).is_some()
}

pub fn covering<'a>(
    snapshot: &'a Snapshot,
    node: &'a Node,
) -> impl Iterator<Item = &'a NodeHealthPolicy> {
    let mut policies = snapshot.policies.iter();
    std::iter::from_fn(move || policies.find(|p| p.spec.node_selector.matches(&node.labels)))
}

pub fn covered<'a>(snapshot: &'a Snapshot, policy: &'a NodeHealthPolicy) -> Vec<&'a Node> {
    let nodes = snapshot.nodes.values().map(AsRef::as_ref);
    nodes
        .filter(|node| policy.spec.node_selector.matches(&node.labels))
        .collect()
}

/// Nodes that are away: not Ready, cordoned by anybody, or with a slot that takes
/// them away; those that are gone and have one, too.
pub fn away(snapshot: &Snapshot) -> BTreeSet<&str> {
    let nodes = snapshot.nodes.values();
    let unavailable = nodes.filter(|node| !node.is_ready() || node.unschedulable);
    let unavailable = unavailable.map(|node| node.name.as_str());
    let slots = snapshot.slots();
    let held = slots.filter(|slot| slot.kind == SlotKind::Disruptive);
    unavailable
        .chain(held.map(|slot| slot.node.as_str()))
        .collect()
}

pub fn has_reported(snapshot: &Snapshot, node: &Node) -> bool {
    let health = snapshot.health(node).and_then(|h| h.status.as_ref());
    health.is_some_and(|status| status.heartbeat.is_some())
        && snapshot.heard.contains_key(&node.name)
}

pub fn is_heard(snapshot: &Snapshot, node: &Node) -> bool {
    has_reported(snapshot, node)
        && snapshot.health(node).is_some_and(|health| {
            let silent = snapshot.now.duration_since(snapshot.heard[&node.name]);
            silent.unsigned_abs() <= health.spec.report_interval.get() * 3
        })
}

/// What the probe says of a signal's trigger, as it is now.
pub fn judged<'a>(
    snapshot: &'a Snapshot,
    node: &Node,
    policy: &str,
    trigger: &Trigger,
) -> Option<&'a TriggerStatus> {
    let health = snapshot.health(node).filter(|_| is_heard(snapshot, node))?;
    let mut states = health.status.as_ref()?.triggers.iter();
    states.find(|it| {
        it.policy == policy && it.name == trigger.name && it.signal_hash == trigger.signal_hash()
    })
}

/// Whether a trigger that makes nodes sick fires; a roll-out never does.
fn makes_sick(snapshot: &Snapshot, node: &Node, policy: &str, trigger: &Trigger) -> bool {
    if let Some(condition) = &trigger.condition {
        let gate = trigger.only_on_kernel.as_ref();
        let counts = gate.is_none_or(|gate| node.kernel.as_ref().is_some_and(|it| gate.admits(it)));
        let lasting = node.condition(&condition.type_).is_some_and(|it| {
            let since = it.since.map(|since| snapshot.now.duration_since(since));
            it.status == condition.status.as_str()
                && since.is_some_and(|since| {
                    !since.is_negative() && since.unsigned_abs() >= condition.r#for.get()
                })
        });
        return counts && lasting;
    }
    trigger.signal.is_some()
        && judged(snapshot, node, policy, trigger)
            .is_some_and(|it| it.state == TriggerState::Firing)
}

pub fn is_unhealthy(snapshot: &Snapshot, policy: &NodeHealthPolicy, node: &Node) -> bool {
    let name = policy.name_any();
    let mut triggers = policy.spec.triggers.iter();
    !node.is_ready()
        || (has_reported(snapshot, node) && !is_heard(snapshot, node))
        || triggers.any(|trigger| makes_sick(snapshot, node, &name, trigger))
}

/// The boots of which kubelet and probe tell.
pub fn boots<'a>(snapshot: &'a Snapshot, node: &'a Node) -> BTreeSet<&'a str> {
    let health = snapshot.health(node).and_then(|it| it.status.as_ref());
    let of_probe = health.and_then(|status| status.boot_id.as_deref());
    let told = node.boot_id.as_deref().into_iter().chain(of_probe);
    told.filter(|id| !id.is_empty()).collect()
}

/// Whether somebody else is at work on the node, or forbids us to be.
pub fn is_of_others(node: &Node) -> bool {
    use unstall_crds::names::{annotation, taint};
    let skips = |(name, value): (&String, &String)| name.contains("skip") && value != "false";
    let others = |name: &String| annotation::OF_OTHERS.iter().any(|(key, _)| key == name);
    node.deleting
        || node.annotations.iter().any(skips)
        || node.annotations.keys().any(others)
        || taint::OF_OTHERS
            .iter()
            .any(|(key, _)| node.taints.contains(*key))
}
