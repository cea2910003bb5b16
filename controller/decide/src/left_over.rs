//! What no incident needs any more: slots, commands, words in the ledger, old
//! records.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kube::ResourceExt;
use unstall_crds::remediation::NodeRemediation;

use crate::plan::Release;
use crate::view::View;
use crate::{Action, health, incident, judge, marks};

/// Removes it.
#[must_use]
pub fn actions(view: &View<'_>, planned: &[Action]) -> Vec<Action> {
    let mut actions = slots(view, planned);
    // What belongs to an earlier node is deleted as a whole.
    let healths = view.nodes().filter_map(|node| view.health(node));
    let stale = healths.filter(|it| health::is_stale(view, it));
    let clears = stale
        .filter(|it| !is_written(planned, &it.name_any()))
        .map(|it| Action::ClearCommand {
            node: it.name_any(),
            seen: it.resource_version(),
        });
    actions.extend(clears);
    let is_of_ledger = |it: &Action| matches!(it, Action::TakeSlot(_) | Action::ReleaseSlot(_));
    if !planned.iter().chain(&actions).any(is_of_ledger) {
        // After another write it would not be the ledger that was seen.
        actions.extend(ledger(view));
    }
    actions.extend(records(view));
    actions
}

fn slots(view: &View<'_>, planned: &[Action]) -> Vec<Action> {
    let open: BTreeSet<String> = view.open().map(ResourceExt::name_any).collect();
    let is_given_back = |node: &str| {
        let mut planned = planned.iter();
        planned.any(|it| matches!(it, Action::ReleaseSlot(release) if release.node == node))
    };
    view.snapshot
        .slots()
        .filter(|slot| !open.contains(&slot.remediation) && !is_given_back(&slot.node))
        .filter(|slot| !marks::keeps_slot(view, slot))
        .filter(|slot| view.snapshot.unreadable_incident(&slot.node).is_none())
        .map(|slot| {
            Action::ReleaseSlot(Release {
                node: slot.node.clone(),
                remediation: slot.remediation.clone(),
                disruption_ended: slot.kind.is_disruptive().then_some(view.snapshot.now),
                correct: None,
            })
        })
        .collect()
}

/// Whether `planned` writes the command of `node` anyway.
fn is_written(planned: &[Action], node: &str) -> bool {
    planned.iter().any(|action| match action {
        Action::SendCommand { node: of, .. } => of == node,
        Action::SetTriggers {
            node: of,
            clear_command,
            ..
        } => of == node && *clear_command,
        _ => false,
    })
}

/// Nodes that were released and have nothing left to release, and approvals that
/// were used.
fn ledger(view: &View<'_>) -> Option<Action> {
    let ledger = view.snapshot.ledger.as_ref()?;
    let is_done = |name: &&String| {
        let node = view.node(name);
        let is_marked = node.is_some_and(|node| node.cordoned_by().is_some());
        !is_marked && view.slot(name).is_none() && view.open_on(name).is_empty()
    };
    let released: Vec<String> = ledger
        .spec
        .release
        .iter()
        .filter(is_done)
        .cloned()
        .collect();
    let is_used = |name: &&String| {
        let mut incidents = view.incidents();
        let found = incidents.find(|it| it.name_any() == **name);
        found.is_some_and(|it| !incident::is_open(it) || was_approved(it))
    };
    let approved: Vec<String> = ledger
        .spec
        .approve
        .iter()
        .filter(is_used)
        .cloned()
        .collect();
    if released.is_empty() && approved.is_empty() {
        return None;
    }
    Some(Action::TidyLedger {
        released,
        approved,
        seen: ledger.resource_version(),
    })
}

/// Whether the rung at work was approved: the next one needs a word of its own.
fn was_approved(incident: &NodeRemediation) -> bool {
    let rungs = incident.status.as_ref().map(|status| &status.rungs);
    let last = rungs.and_then(|rungs| rungs.last());
    last.is_some_and(|rung| rung.result.is_none() && rung.approved_by.is_some())
}

/// Records of incidents that ended too long ago, or are too many. What still
/// matters of them is in the ledger; one whose node is held stays, and so does what the
/// stage of a roll-out follows from: more nodes would be canaries without it.
fn records(view: &View<'_>) -> Vec<Action> {
    let limits = view.snapshot.limits;
    let rollouts: Vec<_> = view.policies().iter().flat_map(|it| &it.rollouts).collect();
    let mut ended: Vec<(Timestamp, &NodeRemediation)> = view
        .incidents()
        .filter_map(|it| Some((incident::completed_at(it)?, it)))
        .filter(|(_, it)| it.metadata.deletion_timestamp.is_none())
        .filter(|(_, it)| {
            let node = view.node(&it.spec.node_name);
            let is_held = node.is_some_and(|node| node.cordoned_by() == Some(&it.name_any()));
            let slot = view.slot(&it.spec.node_name);
            let has_slot = slot.is_some_and(|slot| slot.remediation == it.name_any());
            let is_awaited = rollouts.iter().any(|rollout| rollout.rests_on(it));
            !incident::is_open(it) && !is_held && !has_slot && !is_awaited
        })
        .collect();
    ended.sort_by_key(|(at, it)| (*at, it.name_any()));
    let too_many = ended.len().saturating_sub(limits.records);
    let oldest = judge::add(view.snapshot.now, -limits.record_age);
    ended
        .into_iter()
        .enumerate()
        .filter(|(index, (at, _))| *index < too_many || *at < oldest)
        .take(limits.forget_at_once)
        .map(|(_, (_, it))| Action::Forget {
            remediation: it.name_any(),
            uid: it.uid().unwrap_or_default(),
        })
        .collect()
}
