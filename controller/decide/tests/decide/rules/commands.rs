//! What is ordered of an actuator.

use jiff::SignedDuration;
use kube::ResourceExt;
use unstall_crds::command::{CommandAction, CommandPayload};
use unstall_crds::remediation::Phase;
use unstall_decide::Snapshot;

use super::facts::{boots, incident, phase, slot};

/// The longest validity that actuators accept.
const VALIDITY_MAX: SignedDuration = SignedDuration::from_mins(10);

pub fn ordering(
    snapshot: &Snapshot,
    name: &str,
    remediation: &str,
    payload: &CommandPayload,
) -> Vec<String> {
    let mut broken = Vec::new();
    let mut say = |what: &str| broken.push(format!("command {}: {what}", payload.id));
    let incident = incident(snapshot, remediation).unwrap();
    let prefix = incident.uid().unwrap_or_else(|| remediation.to_owned());
    if payload.encode().is_err() || !payload.id.starts_with(&format!("{prefix}-")) {
        say("is none");
    }
    if payload.expires_at.0.duration_since(payload.issued_at.0) > VALIDITY_MAX
        || payload.issued_at.0 > snapshot.now
    {
        say("valid at other times");
    }
    let status = incident.status.as_ref();
    let deadline = status.and_then(|status| status.phase_deadline.clone());
    // The actuator's time to drop caches is the remedy's timeout; the phase waits
    // longer, for its answer.
    let is_late = deadline.is_some_and(|by| match payload.action {
        CommandAction::DropCaches => payload.expires_at.0 >= by.0,
        CommandAction::Reboot => payload.expires_at.0 > by.0,
    });
    if is_late {
        say("valid until its answer would come too late");
    }
    let Some(node) = snapshot.nodes.get(name) else {
        say("for a node that is gone");
        return broken;
    };
    if payload.node_name != name || node.uid != payload.node_uid || payload.epoch != snapshot.epoch
    {
        say("for another node or of another leader");
    }
    let boots = boots(snapshot, node);
    if boots.len() != 1 || !boots.contains(payload.expect_boot_id.as_str()) {
        say("for a boot that is not known");
    }
    let Some(slot) = slot(snapshot, name, remediation) else {
        say("without a slot");
        return broken;
    };
    if payload.action == CommandAction::Reboot {
        // The boot in which the node was emptied.
        if slot.boot_id.as_ref() != Some(&payload.expect_boot_id) || !slot.kind.is_disruptive() {
            say("for another boot than that of its slot");
        }
        if !node.unschedulable || node.cordoned_by() != Some(remediation) {
            say("on a node that is not cordoned for it");
        }
        if phase(status) != Phase::Rebooting {
            say("before the node was drained");
        }
    }
    broken
}
