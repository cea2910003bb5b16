//! What keeps a node's `NodeHealth` as it must be.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::ResourceExt;
use unstall_crds::command::CommandPayload;
use unstall_crds::health::{HealthTrigger, NodeHealth, NodeHealthSpec};
use unstall_crds::units::GoDuration;

use crate::snapshot::UnreadableKind;
use crate::view::View;
use crate::{Action, Node, record};

/// How often a probe reports while nothing happens, in seconds: for 5,000 nodes
/// 17 writes a second.
const QUIET_REPORT_SECONDS: u32 = 300;
/// While an incident is open, so that silence shows soon.
const INCIDENT_REPORT_SECONDS: u32 = 30;

/// What is to be done about the `NodeHealth` of `node`.
#[must_use]
pub fn object(view: &View<'_>, node: &Node) -> Option<Action> {
    let triggers = triggers(view, node);
    let seconds = if view.open_on(&node.name).is_empty() {
        QUIET_REPORT_SECONDS
    } else {
        INCIDENT_REPORT_SECONDS
    };
    let report_interval = GoDuration::from_secs(seconds);
    let mut unreadable = view.snapshot.unreadable(UnreadableKind::NodeHealth);
    if unreadable.any(|it| it.name == node.name) {
        return None;
    }
    let Some(health) = view.snapshot.healths.get(&node.name) else {
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
        clear_command: is_stale(view, health),
        seen: health.resource_version(),
    })
}

/// Whether the command that `health` holds is of no incident at work. One that
/// cannot be read is nobody's.
#[must_use]
pub fn is_stale(view: &View<'_>, health: &NodeHealth) -> bool {
    let Some(command) = &health.spec.command else {
        return false;
    };
    let Ok(payload) = CommandPayload::parse(&command.payload) else {
        return true;
    };
    let open = view.open_on(&health.name_any()).iter();
    let mut at_work = open.filter_map(|it| record::current_rung(it.status.as_ref()?));
    !at_work.any(|rung| rung.command_id.as_deref() == Some(&payload.id))
}

/// The signal triggers of every policy that covers `node`, Observe included:
/// forecasts need them too.
fn triggers(view: &View<'_>, node: &Node) -> Vec<HealthTrigger> {
    let mut triggers = Vec::new();
    for policy in view.covering(node) {
        let own = policy.policy.spec.triggers.iter().zip(&policy.hashes);
        for (trigger, hash) in own {
            let Some(signal) = &trigger.signal else {
                continue;
            };
            triggers.push(HealthTrigger {
                policy: policy.name.clone(),
                name: trigger.name.clone(),
                signal_hash: hash.clone(),
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
