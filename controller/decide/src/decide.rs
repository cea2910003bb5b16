//! The whole decision, in its order.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::ResourceExt;
use unstall_crds::command::CommandPayload;
use unstall_crds::health::{HealthTrigger, NodeHealth, NodeHealthSpec};
use unstall_crds::units::GoDuration;

use crate::budget::InPlace;
use crate::{Action, Node, Plan, Snapshot, incident, phase, record, select, status};

/// How often a probe reports while nothing happens, in seconds: for 5,000 nodes
/// 17 writes a second.
const QUIET_REPORT_SECONDS: u32 = 300;
/// While an incident is open, so that silence shows soon.
const INCIDENT_REPORT_SECONDS: u32 = 30;

/// What is to be done about `snapshot`.
#[must_use]
pub fn decide(snapshot: &Snapshot) -> Plan {
    let in_use = InPlace::new(snapshot);
    let mut actions = Vec::new();
    for node in snapshot.nodes.values() {
        actions.extend(health_object(snapshot, node));
    }
    let open = snapshot
        .remediations
        .iter()
        .filter(|r| incident::is_open(r));
    for remediation in open {
        actions.extend(phase::advance(snapshot, remediation, &in_use));
    }
    for node in snapshot.nodes.values() {
        let incident = incident::to_open(snapshot, node);
        actions.extend(incident.map(|incident| Action::OpenIncident(Box::new(incident))));
    }
    let left_over = left_over(snapshot, &actions);
    actions.extend(left_over);
    let policies = snapshot
        .policies
        .iter()
        .map(|policy| (policy.name_any(), status::of(snapshot, policy, &in_use)))
        .collect();
    Plan { actions, policies }
}

/// What keeps a node's `NodeHealth` as it must be.
fn health_object(snapshot: &Snapshot, node: &Node) -> Option<Action> {
    let triggers = triggers(snapshot, node);
    let is_incident = incident::open_on(snapshot, node).is_some();
    let seconds = if is_incident {
        INCIDENT_REPORT_SECONDS
    } else {
        QUIET_REPORT_SECONDS
    };
    let report_interval = GoDuration::from_secs(seconds);
    let Some(health) = snapshot.healths.get(&node.name) else {
        let spec = NodeHealthSpec {
            node_uid: node.uid.clone(),
            triggers,
            report_interval,
            peers: Vec::new(),
            command: None,
        };
        let metadata = ObjectMeta {
            name: Some(node.name.clone()),
            owner_references: Some(vec![owner(node)]),
            ..ObjectMeta::default()
        };
        return Some(Action::CreateHealth(Box::new(NodeHealth {
            metadata,
            spec,
            status: None,
        })));
    };
    if health.spec.node_uid != node.uid {
        let node_uid = health.spec.node_uid.clone();
        return Some(Action::DeleteHealth {
            node: node.name.clone(),
            node_uid,
        });
    }
    let same = health.spec.triggers == triggers
        && health.spec.report_interval.get() == report_interval.get();
    (!same).then(|| Action::SetTriggers {
        node: node.name.clone(),
        triggers,
        report_interval,
        seen: health.resource_version(),
    })
}

/// The signal triggers of every policy that covers `node`, Observe included:
/// forecasts need them too.
fn triggers(snapshot: &Snapshot, node: &Node) -> Vec<HealthTrigger> {
    let mut triggers = Vec::new();
    for policy in select::covering(snapshot, node) {
        for trigger in &policy.spec.triggers {
            let Some(signal) = &trigger.signal else {
                continue;
            };
            triggers.push(HealthTrigger {
                policy: policy.name_any(),
                name: trigger.name.clone(),
                signal_hash: trigger.signal_hash(),
                signal: signal.clone(),
                corroborated_by: trigger.corroborated_by.clone(),
                only_on_kernel: trigger.only_on_kernel.clone(),
            });
        }
    }
    // The API keeps this list as a map, in any order.
    triggers.sort_by(|a, b| (&a.policy, &a.name).cmp(&(&b.policy, &b.name)));
    triggers
}

fn owner(node: &Node) -> OwnerReference {
    OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Node".to_owned(),
        name: node.name.clone(),
        uid: node.uid.clone(),
        ..OwnerReference::default()
    }
}

/// Slots and commands that no incident needs any more.
fn left_over(snapshot: &Snapshot, planned: &[Action]) -> Vec<Action> {
    let open: BTreeSet<String> = snapshot
        .remediations
        .iter()
        .filter(|remediation| incident::is_open(remediation))
        .map(ResourceExt::name_any)
        .collect();
    let at_work: BTreeSet<&str> = snapshot
        .remediations
        .iter()
        .filter(|remediation| incident::is_open(remediation))
        .filter_map(|remediation| record::current_rung(remediation.status.as_ref()?))
        .filter_map(|rung| rung.command_id.as_deref())
        .collect();
    let slots = snapshot
        .ledger
        .iter()
        .filter_map(|l| l.status.as_ref())
        .flat_map(|s| &s.slots);
    let stale_slots = slots.filter(|slot| !open.contains(&slot.remediation));
    let releases = stale_slots.map(|slot| Action::ReleaseSlot {
        node: slot.node.clone(),
        remediation: slot.remediation.clone(),
    });
    // What belongs to an earlier node is deleted as a whole.
    let healths = snapshot
        .nodes
        .values()
        .filter_map(|node| snapshot.health(node));
    let stale_commands = healths
        .filter(|health| {
            let command = health.spec.command.as_ref();
            command.is_some_and(|command| {
                // One that cannot be read is nobody's.
                let payload = CommandPayload::parse(&command.payload);
                !payload.is_ok_and(|payload| at_work.contains(payload.id.as_str()))
            })
        })
        .filter(|health| !is_replaced(planned, &health.name_any()));
    let clears = stale_commands.map(|health| Action::ClearCommand {
        node: health.name_any(),
        seen: health.resource_version(),
    });
    releases.chain(clears).collect()
}

/// Whether `planned` gives `node` another command.
fn is_replaced(planned: &[Action], node: &str) -> bool {
    let mut planned = planned.iter();
    planned.any(|action| matches!(action, Action::SendCommand { node: of, .. } if of == node))
}
