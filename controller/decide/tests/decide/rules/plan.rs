//! Every rule, on every part of a plan.

use std::collections::BTreeMap;

use kube::ResourceExt;
use unstall_decide::{Action, Event, Plan, Snapshot};

use super::{commands, incidents, left_over, nodes, pods, slots, statuses};
use crate::schema::misfits;

/// The API's bounds on Events, in bytes.
const NOTE: usize = 1024;
const WORD: usize = 128;

/// The rules that `plan` breaks.
pub fn broken(snapshot: &Snapshot, plan: &Plan) -> Vec<String> {
    let mut broken = Vec::new();
    let mut taken = BTreeMap::new();
    for action in &plan.actions {
        match action {
            Action::OpenIncident(incident) => {
                broken.extend(incidents::opening(snapshot, incident));
            }
            Action::Adopt {
                remediation,
                policy,
                seen: _,
            } => broken.extend(incidents::adopting(snapshot, remediation, policy)),
            Action::TakeSlot(request) => {
                broken.extend(slots::taking(snapshot, request, &taken));
                let kind = request.slot.kind;
                if taken.insert(request.slot.node.as_str(), kind).is_some() {
                    broken.push(format!("two slots for {}", request.slot.node));
                }
            }
            Action::SendCommand {
                node,
                remediation,
                payload,
                report_interval: _,
            } => broken.extend(commands::ordering(snapshot, node, remediation, payload)),
            Action::SetStatus {
                remediation,
                status,
                seen: _,
            } => broken.extend(statuses::writing(snapshot, plan, remediation, status)),
            Action::CreateHealth(health) => {
                broken.extend(misfits("NodeHealth", "spec", &health.spec));
            }
            Action::MarkNode { .. } => broken.extend(nodes::marking(snapshot, plan, action)),
            Action::SetConditions { node, set, remove } => {
                broken.extend(nodes::conditions(snapshot, node, set, remove));
            }
            Action::Evict(order) => broken.extend(pods::sending(snapshot, order, true)),
            Action::DeletePod(order) => broken.extend(pods::sending(snapshot, order, false)),
            Action::HandOver {
                node, remediation, ..
            } => broken.extend(incidents::handing_over(snapshot, node, remediation)),
            _ => broken.extend(left_over::removing(snapshot, plan, action)),
        }
    }
    broken.extend(pods::at_once(snapshot, plan));
    broken.extend(plan.events.iter().flat_map(telling));
    broken.extend(policies(snapshot, plan));
    broken
}

fn policies(snapshot: &Snapshot, plan: &Plan) -> Vec<String> {
    let mut broken = Vec::new();
    for policy in &snapshot.policies {
        let name = policy.name_any();
        let status = &plan.policies[&name];
        broken.extend(misfits("NodeHealthPolicy", "status", status));
        let nodes = status.nodes.clone().unwrap_or_default();
        if policy.spec.node_selector.is_empty() && nodes.covered != 0 {
            broken.push(format!(
                "{name}: an empty selector covers {}",
                nodes.covered
            ));
        }
        let counted = nodes.healthy + nodes.sick + nodes.silent + nodes.without_probe;
        if counted > nodes.covered {
            broken.push(format!("{name}: {counted} of {} nodes", nodes.covered));
        }
    }
    broken
}

fn telling(event: &Event) -> Vec<String> {
    let is_word = |word: &str| {
        (1..=WORD).contains(&word.len()) && word.chars().all(|c| c.is_ascii_alphanumeric())
    };
    let is_fine =
        is_word(&event.reason) && is_word(&event.action) && (1..=NOTE).contains(&event.note.len());
    if is_fine {
        return Vec::new();
    }
    vec![format!("no Event can be {event:?}")]
}
