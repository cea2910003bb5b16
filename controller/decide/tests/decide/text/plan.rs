//! A plan: its actions in their order, then the policies.

use kube::ResourceExt;
use unstall_crds::command::CommandPayload;
use unstall_crds::health::HealthTrigger;
use unstall_crds::remediation::{NodeRemediation, NodeRemediationStatus};
use unstall_decide::{Action, Plan, SlotRequest, Snapshot};

use super::clock::{clock, clock_of};
use super::delta::delta;
use super::{incident, policy};

/// `plan`, which was made of `snapshot`.
pub fn plan(snapshot: &Snapshot, plan: &Plan) -> String {
    let mut lines = Vec::new();
    for action in &plan.actions {
        let (first, rest) = line(snapshot, action);
        lines.push(format!("  {first}"));
        lines.extend(rest.into_iter().map(|line| format!("    {line}")));
    }
    if plan.actions.is_empty() {
        lines.push("  nothing".to_owned());
    }
    for (name, status) in &plan.policies {
        let mut policies = snapshot.policies.iter();
        let seen = policies.find(|policy| policy.name_any() == *name).unwrap();
        let old = seen.status.as_ref().map_or_else(Vec::new, policy::lines);
        let changed = delta(&old, &policy::lines(status));
        if !changed.is_empty() {
            lines.push(format!("  policy {name}"));
            lines.extend(changed.into_iter().map(|line| format!("    {line}")));
        }
    }
    lines.join("\n") + "\n"
}

/// An action on one line, and what of it needs more.
fn line(snapshot: &Snapshot, action: &Action) -> (String, Vec<String>) {
    let text = match action {
        Action::CreateHealth(health) => format!(
            "CreateHealth {} of {}: {}; reports every {}",
            health.name_any(),
            health.spec.node_uid,
            triggers(&health.spec.triggers),
            health.spec.report_interval.as_str()
        ),
        Action::DeleteHealth { node, node_uid } => format!("DeleteHealth {node} of {node_uid}"),
        Action::SetTriggers {
            node,
            triggers: list,
            report_interval,
            seen: _,
        } => {
            let every = report_interval.as_str();
            format!(
                "SetTriggers {node}: {}; reports every {every}",
                triggers(list)
            )
        }
        Action::OpenIncident(incident) => opened(incident),
        Action::TakeSlot(request) => taken(request),
        Action::SendCommand {
            node,
            remediation,
            payload,
        } => format!("SendCommand {node} for {remediation}: {}", order(payload)),
        Action::ClearCommand { node, seen: _ } => format!("ClearCommand {node}"),
        Action::SetStatus {
            remediation,
            status,
            seen: _,
        } => {
            let changed = written(snapshot, remediation, status);
            return (format!("SetStatus {remediation}"), changed);
        }
        Action::ReleaseSlot { node, remediation } => {
            format!("ReleaseSlot {node} of {remediation}")
        }
    };
    (text, Vec::new())
}

fn triggers(triggers: &[HealthTrigger]) -> String {
    let names: Vec<_> = triggers
        .iter()
        .map(|t| format!("{}/{}", t.policy, t.name))
        .collect();
    if names.is_empty() {
        "no triggers".to_owned()
    } else {
        names.join(", ")
    }
}

fn opened(incident: &NodeRemediation) -> String {
    let spec = &incident.spec;
    let policy = spec.policy.as_ref().unwrap();
    let ladder: Vec<_> = policy.remedies.iter().map(|r| r.name.as_str()).collect();
    format!(
        "OpenIncident {}: {} {}/{} on {} ({}), ladder {}",
        incident.name_any(),
        spec.origin,
        spec.policy_name.as_deref().unwrap_or("-"),
        spec.trigger.as_deref().unwrap_or("-"),
        spec.node_name,
        spec.node_uid.as_deref().unwrap_or("-"),
        ladder.join(", ")
    )
}

fn taken(request: &SlotRequest) -> String {
    let SlotRequest {
        slot,
        history,
        beside,
    } = request;
    let beside = if beside.is_empty() {
        "no other".to_owned()
    } else {
        beside.join(", ")
    };
    format!(
        "TakeSlot {} ({}) for {}: {} beside {beside}, epoch {}; {} {} counts from {} until {}",
        slot.node,
        slot.node_uid,
        slot.remediation,
        slot.kind,
        slot.epoch,
        history.action,
        history.remedy,
        clock_of(&history.at),
        clock_of(&history.until),
    )
}

fn order(payload: &CommandPayload) -> String {
    let level = payload.level.map_or("-", |level| level.as_str());
    format!(
        "{} {} {level}, epoch {}, {} ({}) in {}, from {} to {}",
        payload.id,
        payload.action,
        payload.epoch,
        payload.node_name,
        payload.node_uid,
        payload.expect_boot_id,
        clock(payload.issued_at.0),
        clock(payload.expires_at.0),
    )
}

fn written(snapshot: &Snapshot, name: &str, new: &NodeRemediationStatus) -> Vec<String> {
    let mut all = snapshot.remediations.iter();
    let seen = all.find(|r| r.name_any() == name);
    let old = seen.and_then(|r| r.status.as_ref());
    delta(
        &old.map_or_else(Vec::new, incident::lines),
        &incident::lines(new),
    )
}
