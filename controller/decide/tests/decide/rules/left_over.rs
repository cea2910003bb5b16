//! What may be removed.

use kube::ResourceExt;
use unstall_crds::remediation::Phase;
use unstall_decide::{Action, Plan, Snapshot};

use super::facts::{after, has_ended, incident, open, phase, slot};

pub fn removing(snapshot: &Snapshot, plan: &Plan, action: &Action) -> Vec<String> {
    match action {
        Action::ReleaseSlot(release) => {
            let (node, name) = (&release.node, &release.remediation);
            let status = after(snapshot, plan, name);
            let is_open = incident(snapshot, name).is_some_and(|it| !has_ended(it));
            // One that goes on takes a slot of its own for each rung.
            let goes_on = is_open && !matches!(phase(status), Phase::Pending | Phase::Ended);
            let held = slot(snapshot, node, name);
            let is_told = held.is_some_and(|slot| {
                slot.kind.is_disruptive() == release.disruption_ended.is_some()
            });
            if goes_on || !is_told {
                return vec![format!("the slot of {name} is not to be released")];
            }
        }
        Action::TidyLedger {
            released, approved, ..
        } => {
            let is_busy = |node: &String| {
                let live = snapshot.nodes.get(node);
                live.is_some_and(|it| it.cordoned_by().is_some())
                    || snapshot.slots().any(|slot| slot.node == *node)
                    || open(snapshot).any(|it| it.spec.node_name == *node)
            };
            let is_new = |name: &String| {
                let live = incident(snapshot, name);
                live.is_none_or(|it| {
                    it.status
                        .as_ref()
                        .is_none_or(|s| s.rungs.is_empty() && s.outcome.is_none())
                })
            };
            let spec = snapshot.ledger.as_ref().map(|it| it.spec.clone());
            let spec = spec.unwrap_or_default();
            let is_known = released.iter().all(|it| spec.release.contains(it))
                && approved.iter().all(|it| spec.approve.contains(it));
            if released.iter().any(is_busy) || approved.iter().any(is_new) || !is_known {
                return vec![format!("not to be tidied: {released:?}, {approved:?}")];
            }
        }
        Action::Forget { remediation, uid } => {
            let record = incident(snapshot, remediation);
            let name = record.map_or("", |it| it.spec.node_name.as_str());
            let node = snapshot.nodes.get(name);
            let is_wanted = slot(snapshot, name, remediation).is_some()
                || node.is_some_and(|node| node.cordoned_by() == Some(remediation));
            let is_it =
                record.is_some_and(|it| has_ended(it) && it.uid().unwrap_or_default() == *uid);
            if is_wanted || !is_it {
                return vec![format!("{remediation} is not to be forgotten")];
            }
        }
        _ => {}
    }
    Vec::new()
}
