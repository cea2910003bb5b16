//! Law 11: Uncordoned is what an incident cordoned, and what is still its own.

use serde_json::Value;

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

/// How long an eviction may be on its way: the look at the cordon came before.
const ON_ITS_WAY: std::time::Duration = std::time::Duration::from_secs(100);

/// No pod leaves a node that carries no cordon of ours.
pub fn of_call(world: &World, past: &Past, call: &Call, _: &Value) -> Verdict {
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
    let lately = past.uncordoned.get(name);
    let was_ours = lately.is_some_and(|at| world.now.saturating_sub(*at) < ON_ITS_WAY);
    if is_ours || was_ours {
        return Ok(());
    }
    Err(format!(
        "{key} is sent away from {name}, which is not cordoned for it"
    ))
}
