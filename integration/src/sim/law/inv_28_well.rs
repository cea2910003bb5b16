//! Law 28: Whoever is called `Fixed` is truly well.

use unstall_crds::remediation::{Outcome, Phase};
use unstall_crds::signal::SignalName;

use super::past::LAG;
use super::{Past, Verdict, facts};
use crate::sim::api::kind::Kind;
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::World;

pub fn holds(world: &World, _: &Past, _: &Actor, commit: &Commit) -> Verdict {
    let Some(after) = commit.after.as_deref() else {
        return Ok(());
    };
    let outcome =
        |object: &serde_json::Value| object["status"]["outcome"].as_str() == Some("Fixed");
    let was_fixed = commit.before.as_deref().is_some_and(outcome);
    if commit.kind != Kind::Remediation || was_fixed || !outcome(after) {
        return Ok(());
    }
    let Some(incident) = facts::incident(world, &commit.key) else {
        return Ok(());
    };
    let status = incident.status.unwrap_or_default();
    debug_assert_eq!(status.outcome, Some(Outcome::Fixed));
    let policy = incident.spec.policy.as_ref();
    let signal = policy
        .and_then(|it| it.trigger.as_ref()?.signal.as_ref())
        .map(|it| it.name);
    // A human who gives a node back says that it is well.
    let is_by_human = status.phases.iter().any(|it| it.phase == Phase::Holding);
    let Some(host) = world.hosts.get(&incident.spec.node_name) else {
        return Ok(());
    };
    let is_long_slow = host.is_slow && world.now.saturating_sub(host.slow_since) > LAG;
    if signal == Some(SignalName::MemoryStatReadCPU) && is_long_slow && !host.lies && !is_by_human {
        return Err(format!("{} is called Fixed and is slow", host.name));
    }
    Ok(())
}
