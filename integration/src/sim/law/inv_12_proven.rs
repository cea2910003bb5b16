//! Law 12: A node that was rebooted is uncordoned after a new boot, Ready, and measured well;
//! or because of `afterFailure`, a human, or an end before the reboot.

use std::time::Duration;

use unstall_crds::command::CommandAction;
use unstall_crds::policy::AfterFailure;
use unstall_crds::remediation::{NodeRemediationSpec, Outcome, Phase};

use super::past::{Done, LAG};
use super::{Past, Verdict, facts};
use crate::sim::api::kind::Kind;
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::World;

/// A probe that has not written for as long as this and a lag is silent.
const SILENT: Duration = Duration::from_mins(15);

/// It is Ready, its probe is heard, and what fired does not any more.
fn is_well(world: &World, past: &Past, known: Duration, spec: &NodeRemediationSpec) -> Verdict {
    let node = &spec.node_name;
    if past.unready.get(node).is_some_and(|since| *since < known) {
        return Err(format!("{node} is given back as Fixed and is not Ready"));
    }
    let trigger = spec.policy.as_ref().and_then(|it| it.trigger.as_ref());
    let Some(trigger) = trigger.filter(|it| it.signal.is_some()) else {
        return Ok(());
    };
    let beat = past.beats.get(node);
    if beat.is_some_and(|beat| *beat + SILENT < known) {
        return Err(format!(
            "{node} is given back as Fixed, and its probe is silent"
        ));
    }
    let policy = spec.policy_name.as_deref().unwrap_or_default();
    let since = past.unhealthy.get(&format!("{policy}/{node}"));
    let triggers = world.store.get(Kind::Health, node);
    let triggers = triggers.and_then(|it| it["status"]["triggers"].as_array());
    let fires = triggers
        .into_iter()
        .flatten()
        .any(|it| it["policy"] == policy && it["name"] == *trigger.name && it["state"] == "Firing");
    if fires && since.is_some_and(|since| *since < known) {
        return Err(format!(
            "{node} is given back as Fixed, and {} fires",
            trigger.name
        ));
    }
    Ok(())
}

/// What is given back without a proof: because the policy says so, or somebody else.
fn unproven(
    world: &World,
    past: &Past,
    node: &str,
    (by, spec, outcome): (&str, &NodeRemediationSpec, Option<Outcome>),
    reboot: Option<&Done>,
    known: Duration,
) -> Verdict {
    let policy = spec.policy.as_ref();
    let keeps = policy.is_none_or(|it| it.after_failure == AfterFailure::KeepCordoned);
    // Whoever else takes the node over has it as it is.
    let is_theirs = outcome == Some(Outcome::Superseded);
    let is_released =
        reboot.is_some_and(|it| past.released.get(node).is_some_and(|at| *at >= it.at));
    // An order that came to nothing leaves the node as it was; one that is at work does not.
    let host = world.hosts.get(node);
    let was_rebooted = host
        .zip(reboot)
        .is_some_and(|(host, it)| !host.is_up || host.is_busy || host.boot != it.boot);
    // What the node said came to nothing is over; that somebody else reboots it, a moment
    // later, is not known yet.
    let is_unseen = host.zip(reboot).is_some_and(|(host, it)| {
        let is_answer = host.command["id"] == it.id;
        is_answer && host.command["state"] == "Interrupted" && host.since >= known
    });
    if was_rebooted && keeps && !is_theirs && !is_released && !is_unseen {
        return Err(format!(
            "{by} gives {node} back as {outcome:?} after its reboot"
        ));
    }
    // One whose shutdown is held up may go down with whatever comes to it.
    let is_going = host
        .zip(reboot)
        .is_some_and(|(host, it)| host.is_up && host.is_busy && host.boot == it.boot);
    if is_going && !is_theirs && !is_released {
        return Err(format!(
            "{by} gives {node} back as {outcome:?}, which goes down yet"
        ));
    }
    Ok(())
}

pub fn holds(world: &World, past: &Past, actor: &Actor, commit: &Commit) -> Verdict {
    let (Kind::Node, Some(before), Some(after)) = (commit.kind, &commit.before, &commit.after)
    else {
        return Ok(());
    };
    let node = &commit.key;
    let by = facts::cordoned_by(before).unwrap_or_default();
    if !facts::is_cordoned(before) || facts::is_cordoned(after) {
        return Ok(());
    }
    let Some(incident) = facts::incident(world, by) else {
        return Ok(());
    };
    let status = incident.status.unwrap_or_default();
    let outcome = status.outcome.or(status.ending);
    let ids = status.rungs.iter().filter_map(|it| it.command_id.clone());
    let ids: Vec<String> = ids.collect();
    let mut done = past.done.iter().rev();
    let reboot = done
        .find(|it| it.node == *node && it.action == CommandAction::Reboot && ids.contains(&it.id));
    if outcome != Some(Outcome::Fixed) {
        let known = world.known(actor, &[Kind::Node, Kind::Health]);
        let given = (by, &incident.spec, outcome);
        return unproven(world, past, node, given, reboot, known);
    }
    let Some(host) = world.hosts.get(node) else {
        return Ok(());
    };
    if reboot.is_some_and(|it| it.boot == host.boot) {
        return Err(format!(
            "{by} gives {node} back as Fixed, which still runs {}",
            host.boot_id()
        ));
    }
    // A human who gives a node back says that it is well.
    let is_held = status.phases.iter().any(|it| it.phase == Phase::Holding);
    let begun = past.begun.get(by);
    let released = past.released.get(node);
    let is_released = released.is_some_and(|at| begun.is_none_or(|begun| at >= begun));
    if !is_held && !is_released {
        let known = world.known(actor, &[Kind::Node, Kind::Health]);
        // Its end was decided a while ago, where the write was refused at first.
        let decided = past.incidents.get(by).copied().unwrap_or(known);
        is_well(world, past, known.min(decided), &incident.spec)?;
    }
    let soak = incident.spec.policy.as_ref().map(|it| it.soak.r#for.get());
    let soak = soak.unwrap_or_default();
    // By clocks that are right, and were all the time.
    let are_right = world.processes.iter().all(|it| it.skew == 0);
    let is_timed = are_right && world.clocks_changed <= host.since;
    // One that went down once more by itself since then: nobody may know yet.
    let is_first = host.is_up && reboot.is_some_and(|it| host.boot == it.boot + 1);
    let is_known = is_first || (reboot.is_some() && host.since + LAG < world.now);
    if is_known && is_timed && host.since + soak > world.now {
        return Err(format!("{by} gives {node} back without a soak of {soak:?}"));
    }
    Ok(())
}
