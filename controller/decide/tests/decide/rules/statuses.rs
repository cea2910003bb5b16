//! How incidents go: which phase follows which, and what must be true for it.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use unstall_crds::policy::{DrainTimeoutAction, Gate, GateTimeoutAction, RemedyKind};
use unstall_crds::remediation::{
    GatePoint, NodeRemediation, NodeRemediationStatus, Outcome, Phase, Rung,
};
use unstall_decide::{Node, Plan, Snapshot};

use super::facts::{boots, has_ended, has_slot, incident, phase};
use super::pods::has_to_leave;
use crate::schema::misfits;

pub fn writing(
    snapshot: &Snapshot,
    plan: &Plan,
    name: &str,
    new: &NodeRemediationStatus,
) -> Vec<String> {
    let mut broken = misfits("NodeRemediation", "status", new);
    let mut say = |what: &str| broken.push(format!("status of {name}: {what}"));
    let Some(old) = incident(snapshot, name).filter(|it| !has_ended(it)) else {
        say("it has ended or never was");
        return broken;
    };
    if old.status.as_ref() == Some(new) {
        say("nothing changes");
    }
    if new.outcome.is_some() != (new.phase == Phase::Ended) || new.blockers.len() > 16 {
        say("an end without an outcome, or an outcome without an end");
    }
    let before = phase(old.status.as_ref());
    if !follows(before, new.phase) {
        say(&format!("{before} is followed by {}", new.phase));
    }
    let Some(node) = snapshot.nodes.get(&old.spec.node_name) else {
        let never_was = old.spec.policy.is_none();
        let expected = if never_was {
            Outcome::Aborted
        } else {
            Outcome::Superseded
        };
        if new.outcome != Some(expected) {
            say("the node is gone");
        }
        return broken;
    };
    let enters = |phase| before != phase && new.phase == phase;
    if (enters(Phase::Cordoning) || enters(Phase::HandedOver) || enters(Phase::DroppingCaches))
        && !has_slot(snapshot, plan, &node.name, name)
    {
        say("it begins without a slot");
    }
    if enters(Phase::Draining) && !gates_are_passed(snapshot, node, old, GatePoint::BeforeDrain) {
        say("it passes a gate before the drain");
    }
    if enters(Phase::Rebooting) {
        if !gates_are_passed(snapshot, node, old, GatePoint::BeforeReboot) {
            say("it passes a gate before the reboot");
        }
        if !is_drained(snapshot, node, old) {
            say("the node is not drained");
        }
        if has_our_last(snapshot, node) {
            say("no replica of the controller is ready elsewhere");
        }
    }
    if enters(Phase::Proving)
        && boots(snapshot, node).len() == 1
        && !is_other_boot(snapshot, node, old)
    {
        say("the node was not rebooted");
    }
    if before == Phase::Soaking && new.ending == Some(Outcome::Fixed) {
        if !gates_are_passed(snapshot, node, old, GatePoint::BeforeUncordon) {
            say("it passes a gate before the uncordon");
        }
        if !node.is_ready() || !is_proven(new) {
            say("a node that is not proven is uncordoned");
        }
    }
    broken
}

/// Whether a phase may come after another one. Whatever a human or the node does
/// may end an incident, or give the node back, at any time.
fn follows(before: Phase, after: Phase) -> bool {
    use Phase::*;
    if before == after || after == Ended {
        return true;
    }
    let next: &[Phase] = match before {
        Pending => &[DroppingCaches, Cordoning, HandedOver],
        DroppingCaches => &[Verifying, Pending],
        Verifying | Uncordoning | HandedOver => &[Pending],
        Cordoning => &[Draining, Holding],
        Draining => &[Rebooting],
        Rebooting => &[Proving, Pending],
        Proving => &[Soaking, Pending],
        Soaking => &[Pending],
        Holding => &[],
        Ended => return false,
    };
    after == Uncordoning || next.contains(&after)
}

fn gates_are_passed(
    snapshot: &Snapshot,
    node: &Node,
    incident: &NodeRemediation,
    point: GatePoint,
) -> bool {
    let gates = incident.spec.policy.as_ref().map(|it| &it.gates);
    let gates = gates.map_or(&[][..], |gates| match point {
        GatePoint::BeforeDrain => &gates.before_drain,
        GatePoint::BeforeReboot => &gates.before_reboot,
        GatePoint::BeforeUncordon => &gates.before_uncordon,
    });
    let waited = incident.status.as_ref().and_then(|it| it.gate.as_ref());
    let waited = waited.filter(|gate| gate.point == point);
    let waited = waited.map(|gate| snapshot.now.duration_since(gate.since.0));
    gates.iter().all(|gate| {
        let limit = SignedDuration::try_from(gate.timeout.get()).unwrap();
        is_open(node, incident, gate)
            || (gate.on_timeout == GateTimeoutAction::Proceed
                && waited.is_some_and(|waited| waited > limit))
    })
}

fn is_open(node: &Node, incident: &NodeRemediation, gate: &Gate) -> bool {
    if let Some(wanted) = &gate.condition {
        let mut conditions = node.conditions.iter();
        return conditions
            .any(|it| it.type_ == wanted.type_ && it.status == wanted.status.as_str());
    }
    gate.annotation.as_ref().is_some_and(|wanted| {
        let value = wanted.value.as_ref().or(incident.metadata.name.as_ref());
        node.annotations.get(&wanted.key) == value
    })
}

/// Whether the node has replicas of the controller, and none is ready elsewhere.
fn has_our_last(snapshot: &Snapshot, node: &Node) -> bool {
    let replicas = snapshot.replicas.as_deref().unwrap_or_default();
    let (here, elsewhere): (Vec<_>, Vec<_>) = replicas.iter().partition(|it| it.node == node.name);
    !here.is_empty() && !elsewhere.iter().any(|it| it.ready)
}

/// Whether no pod is left that has to leave, or the policy says to go on all the
/// same; a node that waited at a gate was looked at before it.
fn is_drained(snapshot: &Snapshot, node: &Node, incident: &NodeRemediation) -> bool {
    let (Some(policy), Some(status)) = (&incident.spec.policy, &incident.status) else {
        return false;
    };
    if status.gate.is_some() {
        return true;
    }
    let is_late = status
        .phase_deadline
        .as_ref()
        .is_some_and(|by| snapshot.now > by.0);
    let Some(pods) = snapshot.pods.get(&node.name) else {
        return false;
    };
    if is_late && policy.drain.on_timeout == DrainTimeoutAction::Proceed {
        return true;
    }
    let is_empty = !pods.iter().any(|pod| has_to_leave(snapshot, incident, pod));
    let staying = pods.iter().filter(|pod| !pod.is_finished());
    let claims: BTreeSet<_> = staying
        .flat_map(|pod| pod.claims.iter().map(|it| (&pod.namespace, it)))
        .collect();
    let attached = snapshot.attachments.as_ref();
    let attached = attached.map(|all| all.get(&node.name).map_or(0, Vec::len));
    is_empty && attached.is_some_and(|count| count <= claims.len())
}

fn reboot(status: &NodeRemediationStatus) -> Option<&Rung> {
    let last = status.rungs.last();
    last.filter(|rung| rung.action == RemedyKind::Reboot)
}

fn is_other_boot(snapshot: &Snapshot, node: &Node, incident: &NodeRemediation) -> bool {
    let proof = incident.status.as_ref().and_then(|it| it.proof.as_ref());
    let before = proof.and_then(|it| it.boot.as_ref());
    let before = before.map(|boot| boot.boot_id_before.as_str());
    let boots = boots(snapshot, node);
    before.is_none_or(|before| !boots.contains(before))
}

fn is_proven(status: &NodeRemediationStatus) -> bool {
    let boot = status.proof.as_ref().and_then(|it| it.boot.as_ref());
    reboot(status).is_none() || boot.is_some_and(|boot| boot.is_proven())
}
