//! What an incident leaves on its Node: the cordon with its owner, and what keeps
//! autoscalers and load balancers away. It follows from the incident's phase, so
//! that whoever leads next sets and removes the same.

use std::collections::BTreeMap;

use kube::ResourceExt;
use serde::Serialize;
use unstall_crds::names::{annotation, label, mark};
use unstall_crds::policy::{AfterFailure, RemedyKind};
use unstall_crds::remediation::{
    NodeRemediation, NodeRemediationStatus, Outcome, Phase, RungResult,
};

use crate::view::View;
use crate::{Node, judge, record};

/// What changes on a Node. `None` as a value removes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Marks {
    /// The cordon, where it changes.
    pub unschedulable: Option<bool>,
    /// Annotations that change.
    pub annotations: BTreeMap<String, Option<String>>,
    /// Labels that change.
    pub labels: BTreeMap<String, Option<String>>,
}

impl Marks {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether `node` carries anything of the incident `name`, or marks of nobody.
#[must_use]
pub fn are_left(node: &Node, name: &str) -> bool {
    let by = node.cordoned_by();
    let has_traces =
        node.annotations.contains_key(annotation::MARKS) || node.labels.contains_key(label::GATE);
    by == Some(name) || (by.is_none() && has_traces)
}

/// What an incident in `status` changes on its node; nothing is cordoned without a
/// slot.
#[must_use]
pub fn of_incident(
    node: &Node,
    incident: &NodeRemediation,
    status: &NodeRemediationStatus,
    has_slot: bool,
) -> Marks {
    let name = &incident.name_any();
    let mut marks = Marks::default();
    match status.phase {
        Phase::Cordoning if !node.unschedulable && has_slot => {
            let policy = incident.spec.policy.as_ref();
            let noticed = policy.map(|it| it.drain.exclude_from_load_balancers.get());
            let leaves = noticed.is_some_and(|time| !time.is_zero())
                && record::current_rung(status)
                    .is_some_and(|rung| rung.action == RemedyKind::Reboot);
            cordon(node, name, leaves, &mut marks);
        }
        Phase::Uncordoning if are_left(node, name) => remove(node, &mut marks),
        _ => {}
    }
    if node.cordoned_by() == Some(name.as_str()) && status.phase != Phase::Uncordoning {
        let wanted = status.gate.as_ref().map(|gate| gate.name.clone());
        if node.labels.get(label::GATE) != wanted.as_ref() {
            marks.labels.insert(label::GATE.to_owned(), wanted);
        }
    }
    marks
}

/// Cordons, and if the node `leaves` its load balancers tells them so.
fn cordon(node: &Node, name: &str, leaves: bool, marks: &mut Marks) {
    marks.unschedulable = Some(true);
    let mut set = vec![(annotation::CORDONED_BY, name.to_owned())];
    let mut ours = Vec::new();
    if !node
        .annotations
        .contains_key(annotation::SCALE_DOWN_DISABLED)
    {
        set.push((annotation::SCALE_DOWN_DISABLED, "true".to_owned()));
        ours.push(mark::SCALE_DOWN);
    }
    if leaves && !node.labels.contains_key(label::EXCLUDE_FROM_LOAD_BALANCERS) {
        let key = label::EXCLUDE_FROM_LOAD_BALANCERS.to_owned();
        marks.labels.insert(key, Some("true".to_owned()));
        ours.push(mark::LOAD_BALANCERS);
    }
    if !ours.is_empty() {
        set.push((annotation::MARKS, ours.join(",")));
    }
    let set = set.into_iter();
    marks
        .annotations
        .extend(set.map(|(key, value)| (key.to_owned(), Some(value))));
}

/// Takes away what is ours, and nothing else.
fn remove(node: &Node, marks: &mut Marks) {
    if node.cordoned_by().is_some() && node.unschedulable {
        marks.unschedulable = Some(false);
    }
    let ours = node.annotations.get(annotation::MARKS);
    let ours: Vec<&str> = ours.map_or_else(Vec::new, |list| list.split(',').collect());
    let mut annotations = vec![annotation::CORDONED_BY, annotation::MARKS];
    if ours.contains(&mark::SCALE_DOWN) {
        annotations.push(annotation::SCALE_DOWN_DISABLED);
    }
    for key in annotations {
        if node.annotations.contains_key(key) {
            marks.annotations.insert(key.to_owned(), None);
        }
    }
    let mut labels = vec![label::GATE];
    if ours.contains(&mark::LOAD_BALANCERS) {
        labels.push(label::EXCLUDE_FROM_LOAD_BALANCERS);
    }
    for key in labels {
        if node.labels.contains_key(key) {
            marks.labels.insert(key.to_owned(), None);
        }
    }
}

/// Everything of ours on `node`, removed: for the uninstallation.
#[must_use]
pub fn cleared(node: &Node) -> Marks {
    let mut marks = Marks::default();
    remove(node, &mut marks);
    marks
}

/// What is to be removed from a node on which no incident is at work, and the
/// incident of which nobody knows any more, where that is why.
#[must_use]
pub fn left_over(view: &View<'_>, node: &Node) -> Option<(Marks, Option<String>)> {
    let by = node.cordoned_by();
    let traces = by.map_or_else(|| are_left(node, ""), |by| are_left(node, by));
    let is_at_work = |name: &str| {
        let mut open = view.open_on(&node.name).iter();
        open.any(|it| it.name_any() == name)
    };
    let is_unreadable = view.snapshot.unreadable_incident(&node.name).is_some();
    if !traces || is_unreadable || by.is_some_and(is_at_work) {
        return None;
    }
    if by.is_none() && !view.open_on(&node.name).is_empty() {
        // Its incident gives the node back by itself.
        return None;
    }
    let mut ended = view.ended_on(&node.name).iter();
    let record = by.and_then(|by| ended.find(|it| it.name_any() == by));
    if record.is_some_and(|record| stays(view, node, record)) {
        return None;
    }
    // One that is about another node stands behind nothing here.
    let is_known = |name: &&str| view.incidents().any(|it| it.name_any() == **name);
    let absent = by.filter(|by| !is_known(by)).map(ToOwned::to_owned);
    Some((cleared(node), absent))
}

/// Whether a node stays cordoned for an incident that has ended.
fn stays(view: &View<'_>, node: &Node, record: &NodeRemediation) -> bool {
    let outcome = record.status.as_ref().and_then(|status| status.outcome);
    let failed = [Outcome::Failed, Outcome::NotFixed, Outcome::Recurred];
    if !outcome.is_some_and(|outcome| failed.contains(&outcome)) || is_released(view, node) {
        return false;
    }
    if !node.unschedulable {
        return false;
    }
    let policy = record.spec.policy.as_ref();
    match policy.map_or(AfterFailure::KeepCordoned, |it| it.after_failure) {
        AfterFailure::KeepCordoned => true,
        AfterFailure::Uncordon => {
            let status = record.status.as_ref();
            !node.is_ready() || status.is_some_and(|it| may_go_down(view, node, it))
        }
    }
}

/// Whether the last remedy of an incident is a reboot that was ordered and failed, while the
/// node still runs the boot that it was to end: something holds the shutdown up, and may let
/// it go at any moment.
#[must_use]
pub fn may_go_down(view: &View<'_>, node: &Node, status: &NodeRemediationStatus) -> bool {
    let is_failed = |result: Option<RungResult>| result.is_none_or(|it| it == RungResult::Failed);
    let last = status.rungs.last();
    let was_ordered = last.is_some_and(|rung| {
        rung.action == RemedyKind::Reboot && rung.epoch.is_some() && is_failed(rung.result)
    });
    let proof = status.proof.as_ref().and_then(|it| it.boot.as_ref());
    let before = proof.map(|it| it.boot_id_before.as_str());
    // Two that tell different boots tell nothing.
    let is_over = judge::boot(view.snapshot, node).is_some_and(|boot| Some(boot) != before);
    was_ordered && before.is_some() && !is_over
}

/// The incident that has ended and for which `node` stays cordoned until a human
/// looks after it.
#[must_use]
pub fn held_by<'a>(view: &View<'a>, node: &Node) -> Option<&'a NodeRemediation> {
    let by = node.cordoned_by()?;
    let mut ended = view.ended_on(&node.name).iter().copied();
    ended.find(|it| it.name_any() == by && stays(view, node, it))
}

/// Whether an incident that ended keeps its slot: its node still needs a human,
/// or has not come back.
#[must_use]
pub fn keeps_slot(view: &View<'_>, slot: &unstall_crds::ledger::Slot) -> bool {
    let node = view
        .node(&slot.node)
        .filter(|node| node.uid == slot.node_uid);
    let Some(node) = node.filter(|node| node.cordoned_by() == Some(&slot.remediation)) else {
        return false;
    };
    let mut ended = view.ended_on(&node.name).iter();
    let record = ended.find(|it| it.name_any() == slot.remediation);
    let Some(record) = record.filter(|record| stays(view, node, record)) else {
        return false;
    };
    let outcome = record.status.as_ref().and_then(|status| status.outcome);
    let boot = judge::boot(view.snapshot, node);
    let came_back = node.is_ready()
        && boot.is_some()
        && slot.boot_id.is_some()
        && boot != slot.boot_id.as_deref();
    outcome != Some(Outcome::Failed) || !came_back
}

/// Whether a human wants the node back.
#[must_use]
pub fn is_released(view: &View<'_>, node: &Node) -> bool {
    let ledger = view.snapshot.ledger.as_ref();
    ledger.is_some_and(|ledger| ledger.spec.release.contains(&node.name))
}
