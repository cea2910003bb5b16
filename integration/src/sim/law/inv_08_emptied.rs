//! Law 8: A drain that is over leaves no pod that it had to send away.

use std::time::Duration;

use super::inv_07_drained::pods_of;
use super::{Past, Verdict, facts};
use crate::sim::api::kind::Kind;
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::World;

pub fn holds(world: &World, past: &Past, actor: &Actor, commit: &Commit) -> Verdict {
    if commit.kind != Kind::Remediation {
        return Ok(());
    }
    let phase = |object: &Option<std::sync::Arc<serde_json::Value>>| {
        let phase = object
            .as_ref()
            .and_then(|it| it["status"]["phase"].as_str());
        phase.unwrap_or_default().to_owned()
    };
    if phase(&commit.before) != "Draining" || phase(&commit.after) != "Rebooting" {
        return Ok(());
    }
    let Some(incident) = facts::incident(world, &commit.key) else {
        return Ok(());
    };
    let status = incident.status.as_ref();
    let drain = status.and_then(|it| it.drain.as_ref());
    if drain.is_some_and(|it| !it.left.is_empty()) {
        // What is left is on record.
        return Ok(());
    }
    // No watch may have told of who came after that.
    let is_known = |key: &str, at: Duration| {
        let pod = world.store.get(Kind::Pod, key);
        pod.is_some_and(|pod| at < world.known_pods(actor, pod))
    };
    let left: Vec<String> = pods_of(world, &incident.spec.node_name)
        .into_iter()
        .filter(|key| past.placed.get(key).is_some_and(|at| is_known(key, *at)))
        .collect();
    if left.is_empty() {
        return Ok(());
    }
    Err(format!("{} is drained, and has {left:?}", commit.key))
}
