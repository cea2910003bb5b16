//! Law 14: What no selector covers is left alone, and an empty one covers nothing.

use super::{Past, Verdict, facts};
use crate::sim::api::kind::Kind;
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::World;

pub fn holds(world: &World, past: &Past, _: &Actor, commit: &Commit) -> Verdict {
    let (Kind::Remediation, None, Some(_)) = (commit.kind, &commit.before, &commit.after) else {
        return Ok(());
    };
    let Some(incident) = facts::incident(world, &commit.key) else {
        return Err(format!("{} cannot be read", commit.key));
    };
    let node = &incident.spec.node_name;
    if world.store.get(Kind::Node, node).is_none() {
        // It was removed a moment ago.
        return Ok(());
    }
    let policy = incident.spec.policy_name.unwrap_or_default();
    let lately = past.policy_lately(&policy, world.now);
    let mut covers = lately.into_iter().filter_map(facts::policy);
    if covers.any(|it| facts::covers(world, &it, node)) {
        return Ok(());
    }
    Err(format!(
        "{}: policy {policy} does not cover {node}",
        commit.key
    ))
}
