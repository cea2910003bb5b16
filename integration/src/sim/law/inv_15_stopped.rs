//! Law 15: While everything is paused, a policy is suspended, only observes, or is gone, nothing
//! begins; nor outside its windows.

use unstall_crds::policy::Mode;

use super::{Past, Verdict, facts};
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::World;

pub fn holds(world: &World, past: &Past, _: &Actor, commit: &Commit) -> Verdict {
    let taken = facts::taken(commit);
    if taken.is_empty() {
        return Ok(());
    }
    let ledger = commit.after.as_ref().and_then(|it| facts::ledger(it));
    let pause = ledger.and_then(|it| it.spec.pause);
    // By the clock of the process, which may be behind by as much as it is set back here.
    let margin = jiff::SignedDuration::from_mins(11);
    if let Some(pause) = pause.filter(|it| it.until.0 > world.wall() + margin) {
        return Err(format!("a slot while paused until {}", pause.until.0));
    }
    for slot in taken {
        let Some(incident) = facts::incident(world, &slot.remediation) else {
            continue;
        };
        let Some(policy) = incident.spec.policy_name else {
            continue;
        };
        if past.is_long_gone(&policy, world.now) {
            return Err(format!(
                "a slot for {}: policy {policy} is gone",
                slot.remediation
            ));
        }
        let lately = past.policy_lately(&policy, world.now).into_iter();
        let lately: Vec<_> = lately.filter_map(facts::policy).collect();
        let is_stopped = |it: &unstall_crds::policy::NodeHealthPolicy| {
            it.spec.suspend || it.spec.mode == Mode::Observe
        };
        if !lately.is_empty() && lately.iter().all(is_stopped) {
            return Err(format!(
                "a slot for {}: policy {policy} has been stopped for long",
                slot.remediation
            ));
        }
    }
    Ok(())
}
