//! Law 21: The node of the controller's only ready replica is never drained. Several on one
//! node leave it one after the other, and it is not rebooted while none is elsewhere.

use serde_json::Value;
use unstall_crds::command::{CommandAction, CommandPayload};
use unstall_crds::policy::RemedyKind;

use super::{LAG, Past, Verdict, facts};
use crate::sim::api::evict::{is_leaving, is_ready};
use crate::sim::api::kind::Kind;
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::World;

pub fn holds(world: &World, past: &Past, actor: &Actor, commit: &Commit) -> Verdict {
    let own = own(world);
    // A replica on a node that somebody cordoned is a replica.
    let known = world.known(actor, &[Kind::Node]);
    let of_pods = own.iter().map(|pod| world.known_pods(actor, pod)).min();
    let known = of_pods.map_or(known, |it| it.min(known));
    let is_away = |node: &str| past.unready.get(node).is_some_and(|since| *since < known);
    for slot in facts::disrupted(commit) {
        let is_there = own
            .iter()
            .any(|pod| pod["spec"]["nodeName"] == slot.node.as_str());
        let others = own.iter().filter(|pod| {
            let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
            node != slot.node && is_ready(pod) && !is_leaving(pod) && !is_away(node)
        });
        // Both may have come and gone within what a watch may lag behind.
        let is_old = past.own_changed < known;
        let is_settled = is_old || own.iter().all(|pod| is_ready(pod));
        let history = facts::history(world);
        let mut of_node = history.iter().rev().filter(|it| it.node == slot.node);
        let is_drained = of_node
            .next()
            .is_some_and(|it| it.action == RemedyKind::Reboot);
        let may_leave = is_drained && own.len() > 1;
        if is_there && is_settled && others.count() == 0 && !may_leave {
            return Err(format!("{} has the only ready replica", slot.node));
        }
    }
    Ok(())
}

pub fn of_deed(world: &World, past: &Past, node: &str, payload: &CommandPayload) -> Verdict {
    let mut own = own(world).into_iter();
    let is_here = own.any(|pod| pod["spec"]["nodeName"] == node);
    let ordered = past.ordered.get(&(payload.id.clone(), payload.issued_at.0));
    let Some(ordered) = ordered.filter(|_| payload.action == CommandAction::Reboot && is_here)
    else {
        return Ok(());
    };
    // One that was ready elsewhere may have come to grief within what a watch lags.
    let elsewhere = past.own_ready.iter().filter(|(on, _)| *on != node);
    // A pod on a node without power says that it is ready.
    let is_dark = |on: &str| {
        let since = past.unready.get(on);
        since.is_some_and(|since| *since + LAG < ordered.at)
    };
    let mut elsewhere = elsewhere.filter(|(on, _)| !is_dark(on));
    if elsewhere.any(|(_, until)| until.is_none_or(|it| it + LAG > ordered.at)) {
        return Ok(());
    }
    Err(format!("{node} is rebooted with the last replica on it"))
}

fn own(world: &World) -> Vec<&Value> {
    let pods = world.store.all(Kind::Pod).map(|(_, pod)| pod);
    pods.map(|pod| &**pod)
        .filter(|pod| facts::is_own(pod))
        .collect()
}
