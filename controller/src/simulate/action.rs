//! One action in a sentence.

use std::collections::BTreeMap;

use kube::ResourceExt;
use unstall_crds::command::CommandPayload;
use unstall_crds::health::HealthTrigger;
use unstall_crds::remediation::{NodeRemediation, NodeRemediationStatus};
use unstall_crds::units::GoDuration;
use unstall_decide::{Action, Marks, NodeCondition, PodOrder, SlotRequest, View};

/// What is done, to what.
pub fn sentence(view: &View<'_>, action: &Action) -> String {
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
        } => judge(triggers, report_interval, *clear_command),
        Action::OpenIncident(incident) => open(incident),
        Action::Adopt { remediation, .. } => {
            format!("write the policy into incident {remediation}")
        }
        Action::TakeSlot(request) => take(request),
        Action::ReleaseSlot(release) => format!("give back the slot of {}", release.remediation),
        Action::SendCommand {
            remediation,
            payload,
            ..
        } => order(remediation, payload),
        Action::ClearCommand { .. } => "take its command back".to_owned(),
        Action::SetStatus {
            remediation,
            status,
            ..
        } => becomes(remediation, status),
        Action::MarkNode { marks, .. } => self::marks(marks),
        Action::SetConditions { set, remove, .. } => conditions(set, remove),
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
        } => tidy(released, approved),
        Action::Forget { remediation, .. } => format!("delete the old record {remediation}"),
    };
    format!("{}: {what}", action.about(view))
}

fn judge(triggers: &[HealthTrigger], every: &GoDuration, takes_back: bool) -> String {
    let names = triggers.iter();
    let names = list(
        names.map(|it| format!("{}/{}", it.policy, it.name)),
        "no trigger",
    );
    let back = if takes_back {
        ", and take its command back"
    } else {
        ""
    };
    format!("let its probe judge {names}, and report every {every}{back}")
}

fn open(incident: &NodeRemediation) -> String {
    let named = |name: &Option<String>| name.clone().unwrap_or_else(|| "none".to_owned());
    format!(
        "open incident {}: trigger {} of policy {} fires",
        incident.name_any(),
        named(&incident.spec.trigger),
        named(&incident.spec.policy_name)
    )
}

fn order(remediation: &str, payload: &CommandPayload) -> String {
    format!(
        "order its actuator to {} for {remediation}, in boot {} alone, until {}",
        payload.action, payload.expect_boot_id, payload.expires_at.0
    )
}

fn becomes(remediation: &str, status: &NodeRemediationStatus) -> String {
    let outcome = status.outcome.map(|it| format!(", {it}"));
    let message = status.message.as_ref().map(|it| format!(": {it}"));
    format!(
        "incident {remediation} is {}{}{}",
        status.phase,
        outcome.unwrap_or_default(),
        message.unwrap_or_default()
    )
}

fn conditions(set: &[NodeCondition], remove: &[String]) -> String {
    let set = set.iter();
    let set = set.map(|it| format!("{}={} ({})", it.type_, it.status, it.reason));
    let remove = remove.iter().map(|it| format!("no {it}"));
    format!(
        "conditions of the Node: {}",
        list(set.chain(remove), "none")
    )
}

fn tidy(released: &[String], approved: &[String]) -> String {
    let released = released.iter().map(|it| format!("release {it}"));
    let approved = approved.iter().map(|it| format!("approve {it}"));
    let all = list(released.chain(approved), "nothing");
    format!("remove what was carried out: {all}")
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
