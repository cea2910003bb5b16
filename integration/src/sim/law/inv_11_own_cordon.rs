//! Law 11: Uncordoned is what an incident cordoned, and what is still its own.

use super::{Past, Verdict, facts};
use crate::sim::api::kind::Kind;
use crate::sim::api::route::Call;
use crate::sim::api::store::key;
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::World;

pub fn holds(_: &World, _: &Past, _: &Actor, commit: &Commit) -> Verdict {
    let (Kind::Node, Some(before), Some(after)) = (commit.kind, &commit.before, &commit.after)
    else {
        return Ok(());
    };
    if facts::is_cordoned(before)
        && !facts::is_cordoned(after)
        && facts::cordoned_by(before).is_none()
    {
        return Err(format!("{} was cordoned by somebody else", commit.key));
    }
    if !facts::is_cordoned(before)
        && facts::is_cordoned(after)
        && facts::cordoned_by(after).is_none()
    {
        return Err(format!(
            "{} is cordoned, and nobody knows for what",
            commit.key
        ));
    }
    Ok(())
}

/// How long the look at the cordon may be older than what is asked for.
const AGE: std::time::Duration = std::time::Duration::from_secs(1);

/// No pod is sent away from a node that carries no cordon of ours.
pub fn of_ask(world: &World, past: &Past, process: usize, call: &Call) -> Verdict {
    if call.subresource.as_deref() != Some("eviction") {
        return Ok(());
    }
    let key = key(call.namespace.as_deref(), &call.name);
    let pod = world.store.get(Kind::Pod, &key);
    let name = pod.and_then(|pod| pod["spec"]["nodeName"].as_str());
    let Some((name, node)) = name.and_then(|name| Some((name, world.store.get(Kind::Node, name)?)))
    else {
        return Ok(());
    };
    let is_ours = facts::is_cordoned(node) && facts::cordoned_by(node).is_some();
    let is_recent = |at: &std::time::Duration| world.now.saturating_sub(*at) < AGE;
    // Whoever was stopped after the look asks when it goes on.
    let was_stopped = is_recent(&world.processes[process].thawed_at);
    if is_ours || was_stopped || past.uncordoned.get(name).is_some_and(is_recent) {
        return Ok(());
    }
    Err(format!(
        "{key} is sent away from {name}, which is not cordoned for it"
    ))
}
