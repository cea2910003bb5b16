//! One action in a sentence.

use std::collections::BTreeMap;

use kube::ResourceExt;
use unstall_decide::{Action, Marks, PodOrder, Release, SlotRequest, View};

/// What is done, to what.
pub fn sentence(view: &View<'_>, action: &Action) -> String {
    let about = action.about(view);
    let what = match action {
        Action::CreateHealth(_) => "create its NodeHealth".to_owned(),
        Action::DeleteHealth { node_uid, .. } => {
            format!("delete the NodeHealth of the earlier node {node_uid}")
        }
        Action::SetTriggers {
            triggers,
            report_interval,
            clear_command,
            ..
        } => {
            let names = triggers
                .iter()
                .map(|it| format!("{}/{}", it.policy, it.name));
            let names = list(names, "no trigger");
            let back = if *clear_command {
                ", and take its command back"
            } else {
                ""
            };
            format!("let its probe judge {names}, and report every {report_interval}{back}")
        }
        Action::OpenIncident(incident) => format!(
            "open incident {}: trigger {} of policy {} fires",
            incident.name_any(),
            incident.spec.trigger.as_deref().unwrap_or("none"),
            incident.spec.policy_name.as_deref().unwrap_or("none")
        ),
        Action::Adopt { remediation, .. } => {
            format!("write the policy into incident {remediation}")
        }
        Action::TakeSlot(request) => take(request),
        Action::ReleaseSlot(release) => give_back(release),
        Action::SendCommand {
            remediation,
            payload,
            ..
        } => format!(
            "order its actuator to {} for {remediation}, in boot {} alone, until {}",
            payload.action, payload.expect_boot_id, payload.expires_at.0
        ),
        Action::ClearCommand { .. } => "take its command back".to_owned(),
        Action::SetStatus {
            remediation,
            status,
            ..
        } => {
            let outcome = status
                .outcome
                .map(|it| format!(", {it}"))
                .unwrap_or_default();
            let message = status.message.as_ref().map(|it| format!(": {it}"));
            let message = message.unwrap_or_default();
            format!(
                "incident {remediation} is {}{outcome}{message}",
                status.phase
            )
        }
        Action::MarkNode { marks, .. } => self::marks(marks),
        Action::SetConditions { set, remove, .. } => {
            let set = set
                .iter()
                .map(|it| format!("{}={} ({})", it.type_, it.status, it.reason));
            let remove = remove.iter().map(|it| format!("no {it}"));
            format!(
                "conditions of the Node: {}",
                list(set.chain(remove), "none")
            )
        }
        Action::Evict(order) => pod("evict", order),
        Action::DeletePod(order) => pod("delete", order),
        Action::HandOver { template, .. } => {
            format!("hand it over by {} {}", template.kind, template.name)
        }
        Action::TakeBack { template, .. } => {
            format!("take it back from {} {}", template.kind, template.name)
        }
        Action::TidyLedger {
            released, approved, ..
        } => {
            let released = released.iter().map(|it| format!("release {it}"));
            let approved = approved.iter().map(|it| format!("approve {it}"));
            format!(
                "remove what was carried out: {}",
                list(released.chain(approved), "nothing")
            )
        }
        Action::Forget { remediation, .. } => format!("delete the old record {remediation}"),
    };
    format!("{about}: {what}")
}

fn take(request: &SlotRequest) -> String {
    let slot = &request.slot;
    format!(
        "take a slot ({}) for {}, beside {}",
        slot.kind,
        slot.remediation,
        list(request.beside.iter().cloned(), "no other")
    )
}

fn give_back(release: &Release) -> String {
    format!("give back the slot of {}", release.remediation)
}

fn pod(verb: &str, order: &PodOrder) -> String {
    let grace = order.grace.map(|it| format!(", grace {it} s"));
    format!(
        "{verb} pod {}/{} ({}){}",
        order.pod.namespace,
        order.pod.name,
        order.pod.uid,
        grace.unwrap_or_default()
    )
}

fn marks(marks: &Marks) -> String {
    let cordon = marks
        .unschedulable
        .map(|it| if it { "cordon" } else { "uncordon" }.to_owned());
    let metadata = metadata("annotation", &marks.annotations);
    let labels = self::metadata("label", &marks.labels);
    let all = cordon.into_iter().chain(metadata).chain(labels);
    format!("marks of the Node: {}", list(all, "none"))
}

fn metadata<'a>(
    kind: &'a str,
    changes: &'a BTreeMap<String, Option<String>>,
) -> impl Iterator<Item = String> + 'a {
    changes.iter().map(move |(key, value)| match value {
        Some(value) => format!("{kind} {key}={value}"),
        None => format!("no {kind} {key}"),
    })
}

fn list(parts: impl Iterator<Item = String>, none: &str) -> String {
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() {
        none.to_owned()
    } else {
        parts.join(", ")
    }
}
