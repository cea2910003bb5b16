//! Incidents are opened and taken over.

use kube::ResourceExt;
use unstall_crds::policy::Mode;
use unstall_crds::remediation::{NodeRemediation, Origin, PolicySnapshot};
use unstall_decide::Snapshot;

use super::facts::{covering, has_ended, incident, open, slot};
use crate::schema::misfits;

/// Incidents that may wait at once.
const WAITING: usize = 64;

pub fn opening(snapshot: &Snapshot, new: &NodeRemediation) -> Vec<String> {
    let spec = &new.spec;
    let name = new.name_any();
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
    if incident(snapshot, &name).is_some() || snapshot.slots().any(|it| it.remediation == name) {
        broken.push(format!("{name}: the name is taken"));
    }
    if open(snapshot).filter(|it| it.status.is_none()).count() > WAITING {
        broken.push(format!("{name}: more than {WAITING} wait already"));
    }
    let ledger = snapshot.ledger.as_ref();
    if ledger.is_some_and(|it| it.spec.release.contains(&node.name)) {
        broken.push(format!("{name}: a human releases {}", node.name));
    }
    broken
}

pub fn adopting(snapshot: &Snapshot, name: &str, policy: &PolicySnapshot) -> Vec<String> {
    let Some(asked) = incident(snapshot, name) else {
        return vec![format!("{name}: cannot be adopted, for it is not there")];
    };
    let mut spec = asked.spec.clone();
    let is_asked = spec.policy.is_none() && spec.origin == Origin::Manual && !has_ended(asked);
    let names: Vec<&String> = policy.remedies.iter().map(|it| &it.name).collect();
    let is_asked_for = names.iter().copied().eq(&spec.remedies) && policy.trigger.is_none();
    spec.policy = Some(policy.clone());
    let mut broken = misfits("NodeRemediation", "spec", &spec);
    let node = snapshot.nodes.get(&spec.node_name);
    let backed = node.is_some_and(|node| {
        covering(snapshot, node).any(|it| {
            it.metadata.uid.as_ref() == Some(&policy.uid)
                && spec
                    .policy_name
                    .as_ref()
                    .is_none_or(|name| *name == it.name_any())
        })
    });
    if !is_asked || !is_asked_for || !backed {
        broken.push(format!("{name}: cannot be adopted like that"));
    }
    broken
}

pub fn handing_over(snapshot: &Snapshot, node: &str, name: &str) -> Vec<String> {
    let is_held = slot(snapshot, node, name).is_some_and(|slot| slot.kind.is_disruptive());
    if is_held && incident(snapshot, name).is_some_and(|it| !has_ended(it)) {
        return Vec::new();
    }
    vec![format!("{name}: hands {node} over without a slot")]
}
