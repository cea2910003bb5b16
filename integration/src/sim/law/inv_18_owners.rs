//! Law 18: Nodes that somebody else has are left alone.

use serde_json::Value;
use unstall_crds::command::{CommandAction, CommandPayload};

use super::past::LAG;
use super::{Past, Verdict, facts};
use crate::sim::api::kind::Kind;
use crate::sim::api::route::{Call, Verb};
use crate::sim::api::store::key;
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::World;

pub fn holds(world: &World, past: &Past, _: &Actor, commit: &Commit) -> Verdict {
    if let Some(slot) = facts::taken(commit)
        .iter()
        .find(|slot| is_long_owned(world, past, &slot.node))
    {
        return Err(format!("a slot for {}, which an autoscaler has", slot.node));
    }
    let (Kind::Node, Some(before), Some(after)) = (commit.kind, &commit.before, &commit.after)
    else {
        return Ok(());
    };
    // The write carries the version that was seen: a taint on it was seen.
    if !facts::is_cordoned(before) && facts::is_cordoned(after) && facts::is_owned(before) {
        return Err(format!(
            "{} is cordoned, which an autoscaler has",
            commit.key
        ));
    }
    Ok(())
}

/// No pod of such a node is sent away.
pub fn of_call(world: &World, past: &Past, call: &Call, _: &Value) -> Verdict {
    if call.kind != Kind::Pod || call.verb != Verb::Create {
        return Ok(());
    }
    let key = key(call.namespace.as_deref(), &call.name);
    let pod = world.store.get(Kind::Pod, &key);
    let node = pod.and_then(|it| it["spec"]["nodeName"].as_str());
    match node.filter(|node| is_long_owned(world, past, node)) {
        Some(node) => Err(format!("{key} leaves {node}, which an autoscaler has")),
        None => Ok(()),
    }
}

/// Such a node is not rebooted.
pub fn of_deed(world: &World, past: &Past, node: &str, payload: &CommandPayload) -> Verdict {
    if payload.action == CommandAction::Reboot && is_long_owned(world, past, node) {
        return Err(format!("{node} is rebooted, which an autoscaler has"));
    }
    Ok(())
}

fn is_long_owned(world: &World, past: &Past, node: &str) -> bool {
    let since = past.owned.get(node);
    since.is_some_and(|since| world.now.saturating_sub(*since) > LAG)
}
