//! Law 19: The first node on which a roll-out fails halts it for all others.

use super::past::LAG;
use super::{Past, Verdict, facts};
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::World;

pub fn holds(world: &World, past: &Past, _: &Actor, commit: &Commit) -> Verdict {
    for slot in facts::disrupted(commit) {
        let Some(incident) = facts::incident(world, &slot.remediation) else {
            continue;
        };
        let target = |it: &unstall_crds::remediation::NodeRemediation| {
            let policy = it.spec.policy.as_ref()?;
            let kernel = policy.trigger.as_ref()?.kernel.as_ref()?;
            Some((it.spec.policy_name.clone(), kernel.at_least.clone()))
        };
        let Some(wanted) = target(&incident) else {
            continue;
        };
        let mut failed = past.failed.iter().filter(|(name, at)| {
            **name != slot.remediation && world.now.saturating_sub(**at) > LAG
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
    }
    Ok(())
}
