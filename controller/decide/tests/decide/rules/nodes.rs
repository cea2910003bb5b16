//! What may be changed on Nodes.

use unstall_crds::names::{annotation, label, mark, node_condition};
use unstall_crds::remediation::{Outcome, Phase};
use unstall_decide::{Action, Marks, Node, NodeCondition, Plan, Snapshot};

use super::facts::{after, has_ended, has_slot, incident, is_of_others, phase};

pub fn marking(snapshot: &Snapshot, plan: &Plan, action: &Action) -> Vec<String> {
    let Action::MarkNode {
        node: name,
        node_uid,
        marks,
        absent,
        seen,
    } = action
    else {
        return Vec::new();
    };
    let mut broken = Vec::new();
    let mut say = |what: &str| broken.push(format!("marks on {name}: {what}"));
    let node = &snapshot.nodes[name];
    if node.uid != *node_uid || node.resource_version != *seen || **marks == Marks::default() {
        say("not of the Node that was seen, or none");
    }
    let known = absent
        .as_ref()
        .is_some_and(|it| incident(snapshot, it).is_some());
    if known {
        say("the incident is not absent");
    }
    match marks.unschedulable {
        Some(true) if !may_cordon(snapshot, plan, node, marks) => say("it must not be cordoned"),
        Some(false) if !may_uncordon(snapshot, plan, node) => say("it must not be uncordoned"),
        _ => {}
    }
    if !are_ours(node, marks) {
        say("they are not ours to change");
    }
    broken
}

fn may_cordon(snapshot: &Snapshot, plan: &Plan, node: &Node, marks: &Marks) -> bool {
    let by = marks.annotations.get(annotation::CORDONED_BY);
    by.and_then(Option::as_ref).is_some_and(|by| {
        let status = after(snapshot, plan, by);
        phase(status) == Phase::Cordoning && has_slot(snapshot, plan, &node.name, by)
    }) && !node.unschedulable
        && !is_of_others(node)
}

/// Only what our annotation says is ours, for an incident that gives the node
/// back, has ended, or is not on record.
fn may_uncordon(snapshot: &Snapshot, plan: &Plan, node: &Node) -> bool {
    let Some(by) = node.cordoned_by() else {
        return false;
    };
    let Some(incident) = incident(snapshot, by) else {
        return true;
    };
    let status = after(snapshot, plan, by);
    let outcome = status.and_then(|status| status.outcome);
    let uid = incident.spec.node_uid.as_ref();
    let is_of_node = incident.spec.node_name == node.name && uid.is_none_or(|it| *it == node.uid);
    let is_given_back = phase(status) == Phase::Uncordoning || !is_of_node;
    let ledger = snapshot.ledger.as_ref();
    let is_released = ledger.is_some_and(|it| it.spec.release.contains(&node.name));
    let may = match outcome {
        Some(Outcome::Failed | Outcome::NotFixed | Outcome::Recurred) => {
            let policy = incident.spec.policy.as_ref();
            let keeps = policy.is_none_or(|it| it.after_failure.as_str() == "KeepCordoned");
            is_released || (!keeps && node.is_ready())
        }
        Some(_) => true,
        None => false,
    };
    is_given_back || (has_ended(incident) && may)
}

/// Whether only our own marks are set and removed.
fn are_ours(node: &Node, marks: &Marks) -> bool {
    let listed = |of: &std::collections::BTreeMap<String, String>| {
        let listed = of.get(annotation::MARKS).map(String::as_str);
        let listed = listed.unwrap_or_default().split(',');
        listed.map(str::to_owned).collect::<Vec<_>>()
    };
    let may = |has: bool, name: &str, value: &Option<String>| match value {
        // What stood there before us is not ours to set or to remove.
        Some(_) => !has,
        None => listed(&node.annotations).iter().any(|it| it == name),
    };
    let annotations = marks
        .annotations
        .iter()
        .all(|(key, value)| match key.as_str() {
            annotation::CORDONED_BY | annotation::MARKS => true,
            annotation::SCALE_DOWN_DISABLED => {
                may(node.annotations.contains_key(key), mark::SCALE_DOWN, value)
            }
            _ => false,
        });
    let labels = marks.labels.iter().all(|(key, value)| match key.as_str() {
        label::GATE => true,
        label::EXCLUDE_FROM_LOAD_BALANCERS => {
            may(node.labels.contains_key(key), mark::LOAD_BALANCERS, value)
        }
        _ => false,
    });
    annotations && labels
}

pub fn conditions(
    snapshot: &Snapshot,
    name: &str,
    set: &[NodeCondition],
    remove: &[String],
) -> Vec<String> {
    let node = &snapshot.nodes[name];
    let maintenance = [
        node_condition::MAINTENANCE_PLANNED,
        node_condition::DRAIN_IN_PROGRESS,
        node_condition::DRAINED,
        node_condition::MAINTENANCE_IN_PROGRESS,
    ];
    let is_ours = |type_: &str| {
        let old = node.condition(type_);
        type_ == node_condition::KERNEL_STALL
            || (maintenance.contains(&type_)
                && old.is_none_or(|old| old.reason == node_condition::REASON))
    };
    let types = set.iter().map(|it| it.type_.as_str());
    let all = types.chain(remove.iter().map(String::as_str));
    let foreign = all.filter(|type_| !is_ours(type_));
    let foreign = foreign.map(|type_| format!("condition {type_} of {name} is not ours"));
    let same = set.iter().filter(|new| {
        let old = node.condition(&new.type_);
        old.is_some_and(|old| old.status == new.status && old.reason == new.reason)
    });
    let same = same.map(|new| format!("condition {} of {name} is the same", new.type_));
    foreign.chain(same).collect()
}
