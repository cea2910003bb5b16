//! What the node itself, and whoever else is at work on it, forbids.

use kube::ResourceExt;
use unstall_crds::condition::BlockedReason;
use unstall_crds::health::ProbeInfo;
use unstall_crds::policy::RemedyKind;

use super::Ask;
use crate::judge::{self, Hearing};
use crate::no::No;
use crate::view::View;
use crate::{Node, marks, select};

pub fn forbids(view: &View<'_>, ask: &Ask<'_>) -> Vec<No> {
    let node = ask.node;
    let mut reasons = Vec::new();
    if node.deleting {
        let text = "the Node is being deleted";
        reasons.push(No::new(BlockedReason::NodeDeleting, text));
    }
    if let Some(incident) = view.snapshot.unreadable_incident(&node.name) {
        let text = format!(
            "incident {} on the node cannot be read: {}",
            incident.name, incident.why
        );
        let object = format!("NodeRemediation/{}", incident.name);
        reasons.push(No::new(BlockedReason::InvalidSpec, text).on(object));
    }
    if let Some(annotation) = select::opted_out(node) {
        let text = format!("annotation {annotation} on the Node opts out");
        reasons.push(No::new(BlockedReason::NodeSkipped, text));
    }
    if let Some(owner) = select::owner(node) {
        reasons.push(No::new(BlockedReason::OwnedByOther, owner));
    }
    if ask.kind.is_disruptive() {
        reasons.extend(cordoned(view, ask));
        reasons.extend(do_not_disrupt(node));
    }
    if ask.needs_probe() {
        reasons.extend(probe(view, ask));
    }
    if ask.kind == RemedyKind::Reboot && judge::boot(view.snapshot, node).is_none() {
        let text =
            "the node's boot ID is not known, or its kubelet and its probe tell different ones";
        reasons.push(No::new(BlockedReason::SignalUnknown, text));
    }
    reasons
}

/// A cordon that is not this incident's. Of one that another one at work made,
/// that one is the reason.
fn cordoned(view: &View<'_>, ask: &Ask<'_>) -> Option<No> {
    if !ask.node.unschedulable {
        return None;
    }
    let text = match ask.node.cordoned_by() {
        Some(by) if Some(by) == ask.incident => return None,
        Some(by) if marks::held_by(view, ask.node).is_some() => format!(
            "incident {by}, which ended, keeps the node cordoned: look after it, then uncordon it or add {} to spec.release \
             of the DisruptionLedger",
            ask.node.name
        ),
        Some(by)
            if view
                .open_on(&ask.node.name)
                .iter()
                .any(|it| it.name_any() == by) =>
        {
            return None;
        }
        Some(by) => format!("incident {by} holds the node cordoned"),
        None => "somebody cordoned the node: uncordon it to let it be treated".to_owned(),
    };
    Some(No::new(BlockedReason::CordonedByOther, text))
}

/// A request on the Node, which a human has to answer.
fn do_not_disrupt(node: &Node) -> Option<No> {
    let key = unstall_crds::names::annotation::KARPENTER_DO_NOT_DISRUPT;
    let value = node.annotations.get(key)?;
    (value == "true").then(|| {
        let text = format!("annotation {key} on the Node asks not to disrupt it");
        No::new(BlockedReason::DoNotDisrupt, text)
    })
}

fn probe(view: &View<'_>, ask: &Ask<'_>) -> Option<No> {
    match view.hearing(ask.node) {
        Hearing::NoProbe => {
            let text = "no probe reports from the node";
            Some(No::new(BlockedReason::NoProbe, text))
        }
        Hearing::Silent { since } => {
            let text = format!("the probe was heard last at {since:.0}");
            Some(No::new(BlockedReason::ProbeSilent, text))
        }
        Hearing::Heard => {
            let on_node = matches!(ask.kind, RemedyKind::DropCaches | RemedyKind::Reboot);
            let health = view.health(ask.node);
            let probe = health.and_then(|health| health.status.as_ref()?.probe.as_ref());
            let text = actuator(ask.kind, probe).filter(|_| on_node)?;
            Some(No::new(BlockedReason::ActuatorUnavailable, text))
        }
    }
}

/// Why the actuator would not carry the remedy out, if it would not.
fn actuator(kind: RemedyKind, probe: Option<&ProbeInfo>) -> Option<String> {
    let is_there = probe.is_some_and(|probe| probe.actuator);
    let reboots = kind != RemedyKind::Reboot || probe.is_some_and(|probe| probe.reboots);
    let (what, why) = match (is_there, reboots) {
        (true, true) => return None,
        (true, false) => (
            "the node's actuator would refuse to reboot it",
            probe.and_then(|probe| probe.reboots_message.as_ref()),
        ),
        (false, _) => (
            "no actuator answers beside the node's probe",
            probe.and_then(|probe| probe.actuator_message.as_ref()),
        ),
    };
    let why = why.map_or(String::new(), |why| format!(": {why}"));
    Some(format!("{what}{why}"))
}
