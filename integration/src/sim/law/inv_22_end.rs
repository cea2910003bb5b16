//! Law 22: Once nothing goes wrong any more, everything comes to an end: no phase outlasts its
//! deadline, and at the end no slot is held and no node is cordoned but by an incident that
//! is at work or of which a human is told.

use std::time::Duration;

use jiff::SignedDuration;
use unstall_crds::condition::BlockedReason;
use unstall_crds::remediation::{Blocker, NodeRemediation, Outcome, Phase};

use super::{Past, Verdict, facts};
use crate::sim::api::kind::Kind;
use crate::sim::world::World;

/// As long as a controller may need to come back after the last fault,
const COMES_BACK: Duration = Duration::from_mins(20);
/// to see that a deadline has passed, and to say so.
const SEES: Duration = Duration::from_mins(5);
/// As long as a phase without a deadline may last that waits for nobody.
const NO_DEADLINE: Duration = Duration::from_hours(1);
/// So many writes of the controllers are enough for what happens in four hours.
const WRITES: u64 = 20_000;
/// And so many reads.
const READS: u64 = 20_000;

pub fn in_time(world: &World, past: &Past) -> Verdict {
    let Some(peace) = world.peace_since else {
        return Ok(());
    };
    if world.now < peace + COMES_BACK {
        return Ok(());
    }
    for (name, _) in world.store.all(Kind::Remediation) {
        let Some(incident) = facts::incident(world, name) else {
            return Err(format!("{name} cannot be read"));
        };
        if let Some(reason) = untold(world, &incident, peace) {
            return Err(format!("{name} has waited for an hour: {reason}"));
        }
        if !is_at_work(&incident) {
            continue;
        }
        let status = incident.status.unwrap_or_default();
        let since = past.incidents.get(name).copied().unwrap_or_default();
        let is_late = match &status.phase_deadline {
            Some(by) => {
                let late = world.wall().duration_since(by.0);
                !late.is_negative() && late.unsigned_abs() > SEES
            }
            None => world.now.saturating_sub(since.max(peace)) > NO_DEADLINE,
        };
        if is_late {
            let text = status.message.unwrap_or_default();
            return Err(format!("{name} is still {}: {text}", status.phase));
        }
    }
    Ok(())
}

/// What an incident has waited for too long that a controller with an API server knows.
fn untold(world: &World, incident: &NodeRemediation, peace: Duration) -> Option<BlockedReason> {
    let limit = SignedDuration::try_from(NO_DEADLINE).unwrap_or_default();
    let is_late = |it: &&Blocker| {
        let is_untold = matches!(
            it.reason,
            BlockedReason::ViewStale | BlockedReason::PodsUnknown
        );
        is_untold && world.wall().duration_since(it.since.0) > limit
    };
    if world.now < peace + COMES_BACK + NO_DEADLINE {
        return None;
    }
    let mut blockers = incident.status.as_ref()?.blockers.iter();
    blockers.find(is_late).map(|it| it.reason)
}

fn is_at_work(incident: &NodeRemediation) -> bool {
    let status = incident.status.as_ref();
    let phase = status.map_or(Phase::Pending, |it| it.phase);
    status.is_some_and(|it| it.outcome.is_none())
        && !matches!(phase, Phase::Pending | Phase::Holding)
}

pub fn at_the_end(world: &World, past: &Past) -> Verdict {
    for slot in facts::slots(world) {
        if !may_hold(world, past, &slot.remediation) {
            return Err(format!(
                "{} keeps a slot for {}",
                slot.node, slot.remediation
            ));
        }
        let uid = world.hosts.get(&slot.node).map(|it| it.uid.as_str());
        if uid != Some(slot.node_uid.as_str()) {
            return Err(format!("{} is gone and has a slot", slot.node));
        }
    }
    for (name, node) in world.store.all(Kind::Node) {
        let by = facts::cordoned_by(node);
        if let Some(by) = by.filter(|by| !may_hold(world, past, by)) {
            return Err(format!("{name} is still cordoned by {by}"));
        }
    }
    let peace = world.peace_since.unwrap_or_default();
    let begun = past.begun.iter().find(|(name, at)| {
        let incident = facts::incident(world, name);
        **at < peace && incident.is_some_and(|it| is_at_work(&it))
    });
    if let Some((name, at)) = begun {
        return Err(format!("{name} has been at work since {at:?}"));
    }
    if past.reads_in_peace > READS {
        return Err(format!("{} reads in peace", past.reads_in_peace));
    }
    if past.writes_in_peace > WRITES {
        return Err(format!("{} writes in peace", past.writes_in_peace));
    }
    Ok(())
}

/// Whether an incident of this name may keep a node: it is not over, or it failed and a
/// human is told.
fn may_hold(world: &World, past: &Past, name: &str) -> bool {
    let Some(incident) = facts::incident(world, name) else {
        return false;
    };
    // Who ended just now is about to let go.
    let since = past.incidents.get(name).copied().unwrap_or_default();
    let outcome = incident.status.and_then(|it| it.outcome);
    let failed = [Outcome::Failed, Outcome::NotFixed, Outcome::Recurred];
    match outcome {
        Some(outcome) if !failed.contains(&outcome) => world.now < since + SEES,
        _ => true,
    }
}
