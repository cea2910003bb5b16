//! An action on one line, and what of it needs more.

use std::collections::BTreeMap;

use kube::ResourceExt;
use unstall_crds::command::CommandPayload;
use unstall_crds::health::{HealthTrigger, NodeHealth};
use unstall_crds::policy::{Remedy, TemplateReference};
use unstall_crds::remediation::{NodeRemediation, NodeRemediationStatus, PolicySnapshot};
use unstall_decide::{Action, Marks, NodeCondition, PodOrder, Release, SlotRequest, Snapshot};

use super::clock::{clock, clock_of};
use super::delta::delta;
use super::incident;

pub fn lines(snapshot: &Snapshot, action: &Action) -> (String, Vec<String>) {
    if let Action::SetStatus {
        remediation,
        status,
        seen: _,
    } = action
    {
        let changed = written(snapshot, remediation, status);
        return (format!("SetStatus {remediation}"), changed);
    }
    (line(action), Vec::new())
}

fn line(action: &Action) -> String {
    match action {
        Action::CreateHealth(health) => created(health),
        Action::DeleteHealth { node, node_uid } => format!("DeleteHealth {node} of {node_uid}"),
        Action::SetTriggers {
            node,
            triggers: list,
            report_interval: every,
            clear_command,
            seen: _,
        } => {
            let (list, every) = (triggers(list), every.as_str());
            let command = if *clear_command { "; no command" } else { "" };
            format!("SetTriggers {node}: {list}; reports every {every}{command}")
        }
        Action::OpenIncident(incident) => opened(incident),
        Action::Adopt {
            remediation,
            policy,
            seen: _,
        } => adopted(remediation, policy),
        Action::TakeSlot(request) => taken(request),
        Action::SendCommand {
            node,
            remediation,
            payload,
            report_interval,
        } => format!(
            "SendCommand {node} for {remediation}: {}; reports every {}",
            order(payload),
            report_interval.as_str()
        ),
        Action::ClearCommand { node, seen: _ } => format!("ClearCommand {node}"),
        Action::SetStatus { remediation, .. } => format!("SetStatus {remediation}"),
        Action::ReleaseSlot(release) => released(release),
        Action::MarkNode {
            node,
            node_uid: _,
            marks,
            absent,
            seen: _,
        } => {
            let absent = absent
                .as_ref()
                .map_or(String::new(), |it| format!("; if {it} is gone"));
            format!("MarkNode {node}: {}{absent}", marked(marks))
        }
        Action::SetConditions { node, set, remove } => {
            format!("SetConditions {node}: {}", conditions(set, remove))
        }
        Action::Evict(order) => format!("Evict {}", pod(order)),
        Action::DeletePod(order) => format!("DeletePod {}", pod(order)),
        Action::HandOver {
            node,
            remediation,
            template,
        } => format!("HandOver {node} for {remediation}: {}", named(template)),
        Action::TakeBack {
            node,
            remediation,
            template,
        } => format!("TakeBack {node} of {remediation}: {}", named(template)),
        Action::TidyLedger {
            released,
            approved,
            seen: _,
        } => tidied(released, approved),
        Action::Forget { remediation, uid } => format!("Forget {remediation} ({uid})"),
    }
}

fn created(health: &NodeHealth) -> String {
    let (name, uid) = (health.name_any(), &health.spec.node_uid);
    let list = triggers(&health.spec.triggers);
    let every = health.spec.report_interval.as_str();
    let owners = health.metadata.owner_references.iter().flatten();
    let owners: String = owners
        .map(|it| {
            format!(
                ", owned by {} {} {} ({})",
                it.api_version, it.kind, it.name, it.uid
            )
        })
        .collect();
    format!("CreateHealth {name} of {uid}{owners}: {list}; reports every {every}")
}

fn adopted(incident: &str, policy: &PolicySnapshot) -> String {
    let ladder = ladder(&policy.remedies);
    format!("Adopt {incident}: policy {}, ladder {ladder}", policy.uid)
}

fn tidied(released: &[String], approved: &[String]) -> String {
    let (released, approved) = (released.join(", "), approved.join(", "));
    format!("TidyLedger: released [{released}], approved [{approved}]")
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

fn ladder(remedies: &[Remedy]) -> String {
    let names: Vec<_> = remedies.iter().map(|r| r.name.as_str()).collect();
    names.join(", ")
}

fn named(template: &TemplateReference) -> String {
    format!("{} {}", template.kind, template.name)
}

fn opened(incident: &NodeRemediation) -> String {
    let spec = &incident.spec;
    let policy = spec.policy.as_ref().unwrap();
    let again = spec.recurrence_of.as_ref();
    format!(
        "OpenIncident {}: {} {}/{} on {} ({}), ladder {}{}",
        incident.name_any(),
        spec.origin,
        spec.policy_name.as_deref().unwrap_or("-"),
        spec.trigger.as_deref().unwrap_or("-"),
        spec.node_name,
        spec.node_uid.as_deref().unwrap_or("-"),
        ladder(&policy.remedies),
        again.map_or(String::new(), |it| format!("; again after {it}")),
    )
}

fn taken(request: &SlotRequest) -> String {
    let SlotRequest {
        slot,
        history,
        beside,
        replaces: _,
    } = request;
    let beside = if beside.is_empty() {
        "no other".to_owned()
    } else {
        beside.join(", ")
    };
    let boot = slot.boot_id.as_ref();
    let boot = boot.map_or(String::new(), |boot| format!(" in {boot}"));
    format!(
        "TakeSlot {} ({}){boot} for {}: {} beside {beside}, epoch {}; {} {} counts from {} until {}",
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

fn released(release: &Release) -> String {
    let Release {
        node,
        remediation,
        disruption_ended,
        correct,
    } = release;
    let ended = disruption_ended.map_or(String::new(), |at| {
        format!("; a disruption ended at {}", clock(at))
    });
    let correct = correct.map_or(String::new(), |(at, action)| {
        format!("; what began at {} counts as {action}", clock(at))
    });
    format!("ReleaseSlot {node} of {remediation}{ended}{correct}")
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

fn marked(marks: &Marks) -> String {
    let cordon = marks.unschedulable.map(|it| match it {
        true => "cordon".to_owned(),
        false => "uncordon".to_owned(),
    });
    let changed = |map: &BTreeMap<String, Option<String>>| {
        let changed = map.iter().map(|(key, value)| match value {
            Some(value) => format!("{key}={value}"),
            None => format!("-{key}"),
        });
        changed.collect::<Vec<_>>()
    };
    let parts = cordon.into_iter().chain(changed(&marks.annotations));
    let parts: Vec<_> = parts.chain(changed(&marks.labels)).collect();
    parts.join(", ")
}

fn conditions(set: &[NodeCondition], remove: &[String]) -> String {
    let set = set.iter().map(|it| {
        let since = it.since.map_or("-".to_owned(), clock);
        format!(
            "{} {} {} since {since} ({})",
            it.type_, it.status, it.reason, it.message
        )
    });
    let parts: Vec<_> = set
        .chain(remove.iter().map(|it| format!("-{it}")))
        .collect();
    parts.join(", ")
}

fn pod(order: &PodOrder) -> String {
    let grace = order.grace;
    let grace = grace.map_or(String::new(), |seconds| format!(", grace {seconds} s"));
    format!(
        "{}/{} ({}) from {} for {}{grace}",
        order.pod.namespace, order.pod.name, order.pod.uid, order.node, order.remediation
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
