//! Law 12: A node that was rebooted is uncordoned after a new boot, Ready, and measured well;
//! or because of `afterFailure`, a human, or an end before the reboot.

use unstall_crds::command::CommandAction;
use unstall_crds::policy::AfterFailure;
use unstall_crds::remediation::Outcome;

use super::past::LAG;
use super::{Past, Verdict, facts};
use crate::sim::api::kind::Kind;
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::World;

pub fn holds(world: &World, past: &Past, _: &Actor, commit: &Commit) -> Verdict {
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
    let ids = status
        .rungs
        .iter()
        .filter_map(|rung| rung.command_id.clone());
    let ids: Vec<String> = ids.collect();
    let mut done = past.done.iter().rev();
    let reboot = done
        .find(|it| it.node == *node && it.action == CommandAction::Reboot && ids.contains(&it.id));
    if outcome != Some(Outcome::Fixed) {
        let policy = incident.spec.policy.as_ref();
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
        if was_rebooted && keeps && !is_theirs && !is_released {
            return Err(format!(
                "{by} gives {node} back as {outcome:?} after its reboot"
            ));
        }
        return Ok(());
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
