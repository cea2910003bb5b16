//! Law 19: The first node on which a roll-out fails halts it for all others; so do canaries
//! that measure worse than the rest.

use std::time::Duration;

use unstall_crds::remediation::{NodeRemediation, Outcome};
use unstall_crds::signal::SignalName;

use super::{Past, Verdict, facts};
use crate::sim::api::kind::Kind;
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::World;

/// By how much the clock may be wrong that says when a roll-out halted.
const SKEW: Duration = Duration::from_mins(11);

pub fn holds(world: &World, past: &Past, actor: &Actor, commit: &Commit) -> Verdict {
    let known = world.known(actor, &[Kind::Remediation]);
    for slot in facts::disrupted(commit) {
        let Some(incident) = facts::incident(world, &slot.remediation) else {
            continue;
        };
        let target = |it: &NodeRemediation| {
            let policy = it.spec.policy.as_ref()?;
            let trigger = policy.trigger.as_ref().filter(|it| it.is_rollout())?;
            let kernel = trigger.kernel.as_ref().map(|it| it.at_least.clone());
            Some((it.spec.policy_name.clone(), kernel))
        };
        let Some(wanted) = target(&incident) else {
            continue;
        };
        let mut failed = past.failed.iter().filter(|(name, at)| {
            let is_resumed = past.resumed.is_some_and(|resumed| **at < resumed + SKEW);
            **name != slot.remediation && **at < known && !is_resumed
        });
        let before = failed.find(|(name, _)| {
            facts::incident(world, name)
                .and_then(|it| target(&it))
                .as_ref()
                == Some(&wanted)
        });
        if let Some((name, _)) = before {
            return Err(format!("{} goes on after {name} failed", slot.remediation));
        }
        if past.resumed.is_none() {
            worse(world, &incident)?;
        }
    }
    Ok(())
}

/// With a kernel that is worse no more than the canaries get it.
fn worse(world: &World, incident: &NodeRemediation) -> Verdict {
    let Some(kernel) = &world.law.worse else {
        return Ok(());
    };
    let rollout = |it: &NodeRemediation| {
        let policy = it.spec.policy.as_ref()?;
        policy.trigger.as_ref()?.kernel.as_ref()?;
        it.spec.policy_name.clone()
    };
    let of = rollout(incident);
    let all = world.store.all(Kind::Remediation);
    let booted: Vec<String> = all
        .filter_map(|(name, _)| facts::incident(world, name))
        .filter(|it| {
            rollout(it) == of
                && it
                    .status
                    .as_ref()
                    .is_some_and(|it| it.outcome == Some(Outcome::Fixed))
        })
        .map(|it| it.spec.node_name)
        .collect();
    // Whoever else boots with it is taken for the rest, which hides the difference.
    let is_clean = world
        .hosts
        .values()
        .all(|host| host.kernel != *kernel || booted.contains(&host.name));
    let policy = facts::policies(world)
        .into_iter()
        .find(|it| it.metadata.name == of);
    let Some(policy) = policy.filter(|_| is_clean) else {
        return Ok(());
    };
    let rollout = &policy.spec.rollout;
    let canaries = usize::from(rollout.canaries);
    let compares = canaries > 0
        && rollout
            .halt_on_worse
            .signals
            .contains(&SignalName::NetworkStall);
    if compares && booted.len() >= canaries {
        let name = incident.metadata.name.as_deref().unwrap_or_default();
        return Err(format!(
            "{name} boots a kernel with which {booted:?} got worse"
        ));
    }
    Ok(())
}
