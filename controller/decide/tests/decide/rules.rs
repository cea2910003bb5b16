//! What holds for every plan, whatever was decided. Worked out anew from the
//! snapshot, not by the code under test.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use kube::ResourceExt;
use unstall_crds::health::TriggerState;
use unstall_crds::ledger::{DisruptionLedgerStatus, SlotKind};
use unstall_crds::policy::{Mode, NodeHealthPolicy};
use unstall_crds::remediation::NodeRemediation;
use unstall_decide::{Action, Node, Plan, SlotRequest, Snapshot};

use crate::schema::{item_misfits, misfits};

/// The longest validity that actuators accept.
const VALIDITY_MAX: SignedDuration = SignedDuration::from_mins(10);

/// The rules that `plan` breaks.
pub fn broken(snapshot: &Snapshot, plan: &Plan) -> Vec<String> {
    let mut broken = Vec::new();
    let mut taken: BTreeSet<&String> = BTreeSet::new();
    for action in &plan.actions {
        match action {
            Action::OpenIncident(incident) => broken.extend(opening(snapshot, incident)),
            Action::TakeSlot(request) => {
                broken.extend(taking(snapshot, request, &taken));
                if !taken.insert(&request.slot.node) {
                    broken.push(format!("two slots for {}", request.slot.node));
                }
            }
            Action::SendCommand { .. } => broken.extend(ordering(snapshot, action)),
            Action::SetStatus {
                remediation,
                status,
                seen: _,
            } => {
                if open(snapshot).all(|r| r.name_any() != *remediation) {
                    broken.push(format!("{remediation} has ended or never was"));
                }
                broken.extend(misfits("NodeRemediation", "status", status));
            }
            Action::CreateHealth(health) => {
                broken.extend(misfits("NodeHealth", "spec", &health.spec));
            }
            _ => {}
        }
    }
    for policy in &snapshot.policies {
        let status = &plan.policies[&policy.name_any()];
        broken.extend(misfits("NodeHealthPolicy", "status", status));
        let covered = status.nodes.as_ref().map(|nodes| nodes.covered);
        if policy.spec.node_selector.is_empty() && covered != Some(0) {
            broken.push(format!("an empty selector covers {covered:?} nodes"));
        }
    }
    broken
}

fn open(snapshot: &Snapshot) -> impl Iterator<Item = &NodeRemediation> {
    let ended = |r: &NodeRemediation| r.status.as_ref().is_some_and(|s| s.outcome.is_some());
    let all = snapshot.remediations.iter().map(AsRef::as_ref);
    all.filter(move |r| !ended(r))
}

fn ledger(snapshot: &Snapshot) -> DisruptionLedgerStatus {
    let ledger = snapshot.ledger.as_ref();
    ledger.and_then(|l| l.status.clone()).unwrap_or_default()
}

fn covering<'a>(
    snapshot: &'a Snapshot,
    node: &'a Node,
) -> impl Iterator<Item = &'a NodeHealthPolicy> {
    let mut policies = snapshot.policies.iter();
    std::iter::from_fn(move || policies.find(|p| p.spec.node_selector.matches(&node.labels)))
}

fn covered<'a>(snapshot: &'a Snapshot, policy: &'a NodeHealthPolicy) -> Vec<&'a Node> {
    let nodes = snapshot.nodes.values().map(AsRef::as_ref);
    nodes
        .filter(|node| policy.spec.node_selector.matches(&node.labels))
        .collect()
}

fn opening(snapshot: &Snapshot, incident: &NodeRemediation) -> Vec<String> {
    let spec = &incident.spec;
    let name = incident.name_any();
    let mut broken = misfits("NodeRemediation", "spec", spec);
    let node = &snapshot.nodes[&spec.node_name];
    let backed = covering(snapshot, node).any(|policy| {
        Some(policy.name_any()) == spec.policy_name && policy.spec.mode == Mode::Enforce
    });
    if !backed {
        broken.push(format!("{name}: no policy in Enforce covers {}", node.name));
    }
    if spec.node_uid.as_ref() != Some(&node.uid) {
        broken.push(format!("{name}: for another {}", node.name));
    }
    if open(snapshot).any(|r| r.spec.node_name == node.name) {
        broken.push(format!("{name}: the second on {}", node.name));
    }
    if snapshot.remediations.iter().any(|r| r.name_any() == name) {
        broken.push(format!("{name}: the name is taken"));
    }
    broken
}

fn taking(snapshot: &Snapshot, request: &SlotRequest, taken: &BTreeSet<&String>) -> Vec<String> {
    let SlotRequest {
        slot,
        history,
        beside,
    } = request;
    let mut broken = item_misfits("DisruptionLedger", "slots", slot);
    broken.extend(item_misfits("DisruptionLedger", "history", history));
    let mut say = |what: &str| broken.push(format!("slot for {}: {what}", slot.remediation));
    let node = &snapshot.nodes[&slot.node];
    let status = ledger(snapshot);
    let held = status.slots.iter();
    let in_place = held.filter(|s| s.kind == SlotKind::InPlace);
    let used: Vec<_> = in_place
        .map(|s| &s.node)
        .chain(taken.iter().copied())
        .collect();
    let is_over = |policy: &NodeHealthPolicy| {
        let nodes = covered(snapshot, policy);
        let total = u32::try_from(nodes.len()).unwrap();
        let limit = policy.spec.disruption.max_in_place.nodes_of(total);
        let of_policy = |name: &&&String| {
            !snapshot.nodes.contains_key(**name) || nodes.iter().any(|n| n.name == ***name)
        };
        used.iter().filter(of_policy).count() >= usize::try_from(limit).unwrap()
    };
    if slot.kind == SlotKind::InPlace && covering(snapshot, node).any(is_over) {
        say("over the limit");
    }
    let known: BTreeSet<_> = status
        .slots
        .iter()
        .map(|s| &s.node)
        .chain(taken.iter().copied())
        .collect();
    if beside.iter().collect::<BTreeSet<_>>() != known {
        say("not beside those that are held");
    }
    if status.slots.iter().any(|held| held.node == slot.node) {
        say("the node has one");
    }
    if forbidden(snapshot, node) {
        say("something forbids it");
    }
    if used_up(snapshot, request, &status) {
        say("used too often");
    }
    broken
}

/// Whether the remedy was used as often as the incident's own ladder allows.
fn used_up(snapshot: &Snapshot, request: &SlotRequest, ledger: &DisruptionLedgerStatus) -> bool {
    let new = &request.history;
    let day = SignedDuration::from_hours(24);
    let uses = ledger.history.iter().filter(|entry| {
        entry.node == new.node
            && entry.remedy == new.remedy
            && snapshot.now.duration_since(entry.at.0) < day
    });
    let mut incidents = snapshot.remediations.iter();
    let incident = incidents.find(|r| r.name_any() == request.slot.remediation);
    let ladder = incident.and_then(|r| r.spec.policy.as_ref());
    let mut remedies = ladder.iter().flat_map(|policy| &policy.remedies);
    let remedy = remedies.find(|remedy| remedy.name == new.remedy).unwrap();
    uses.count() >= usize::from(remedy.max_per_node_per_24h)
}

/// Whether a human, the node or the breaker forbids to begin anything.
fn forbidden(snapshot: &Snapshot, node: &Node) -> bool {
    let Some(spec) = snapshot.ledger.as_ref().map(|ledger| &ledger.spec) else {
        return true;
    };
    let holds = |until: &Option<unstall_crds::ledger::Until>| {
        until.as_ref().is_some_and(|u| u.until.0 > snapshot.now)
    };
    let out = |(name, value): (&String, &String)| name.contains("skip") && value != "false";
    let breaker = |policy: &NodeHealthPolicy| {
        let nodes = covered(snapshot, policy);
        let sick = nodes.iter().filter(|n| is_unhealthy(snapshot, policy, n));
        let share = usize::from(policy.spec.disruption.stop_when_unhealthy.get());
        sick.count() > (nodes.len() * share).div_ceil(100).max(1)
    };
    holds(&spec.pause)
        || node.deleting
        || node.annotations.iter().any(out)
        || !is_heard(snapshot, node)
        || covering(snapshot, node).any(|policy| policy.spec.suspend)
        || (!holds(&spec.allow_storm) && covering(snapshot, node).any(breaker))
}

fn has_reported(snapshot: &Snapshot, node: &Node) -> bool {
    let health = snapshot.health(node).and_then(|h| h.status.as_ref());
    health.is_some_and(|status| status.heartbeat.is_some())
        && snapshot.heard.contains_key(&node.name)
}

fn is_heard(snapshot: &Snapshot, node: &Node) -> bool {
    has_reported(snapshot, node)
        && snapshot.health(node).is_some_and(|health| {
            let silent = snapshot.now.duration_since(snapshot.heard[&node.name]);
            silent.unsigned_abs() <= health.spec.report_interval.get() * 3
        })
}

fn is_unhealthy(snapshot: &Snapshot, policy: &NodeHealthPolicy, node: &Node) -> bool {
    let silent = has_reported(snapshot, node) && !is_heard(snapshot, node);
    let health = snapshot.health(node).filter(|_| is_heard(snapshot, node));
    let states = health
        .iter()
        .flat_map(|h| h.status.iter().flat_map(|s| &s.triggers));
    let fires = states
        .filter(|s| s.policy == policy.name_any() && s.state == TriggerState::Firing)
        .any(|state| {
            let mut triggers = policy.spec.triggers.iter();
            triggers.any(|t| t.name == state.name && t.signal_hash() == state.signal_hash)
        });
    !node.is_ready() || silent || fires
}

fn ordering(snapshot: &Snapshot, action: &Action) -> Vec<String> {
    let Action::SendCommand {
        node,
        remediation,
        payload,
    } = action
    else {
        return Vec::new();
    };
    let mut broken = Vec::new();
    let mut say = |what: &str| broken.push(format!("command {}: {what}", payload.id));
    let slots = ledger(snapshot).slots;
    if !slots
        .iter()
        .any(|s| s.node == *node && s.remediation == *remediation)
    {
        say("without a slot");
    }
    let mut incidents = snapshot.remediations.iter();
    let incident = incidents.find(|r| r.name_any() == *remediation).unwrap();
    let prefix = incident.uid().unwrap_or_else(|| remediation.clone());
    if payload.encode().is_err() || !payload.id.starts_with(&format!("{prefix}-")) {
        say("is none");
    }
    if payload.expires_at.0.duration_since(payload.issued_at.0) > VALIDITY_MAX
        || payload.issued_at.0 > snapshot.now
    {
        say("valid at other times");
    }
    // The actuator's time is the remedy's timeout; the phase waits longer, for its answer.
    let status = incident.status.as_ref();
    let deadline = status.and_then(|status| status.phase_deadline.clone());
    if deadline.is_some_and(|by| payload.expires_at.0 >= by.0) {
        say("valid until its answer would come too late");
    }
    let uid = snapshot.nodes.get(node).map(|node| &node.uid);
    if payload.node_name != *node
        || uid != Some(&payload.node_uid)
        || payload.epoch != snapshot.epoch
    {
        say("for another node or of another leader");
    }
    broken
}
