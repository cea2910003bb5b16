//! Law 21: The node of the controller's only ready replica is never drained.

use super::past::LAG;
use super::{Past, Verdict, facts};
use crate::sim::api::evict::{is_leaving, is_ready};
use crate::sim::api::kind::Kind;
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::World;

pub fn holds(world: &World, past: &Past, _: &Actor, commit: &Commit) -> Verdict {
    let pods = world.store.all(Kind::Pod).map(|(_, pod)| pod);
    let own: Vec<_> = pods
        .filter(|pod| pod["metadata"]["labels"]["app.kubernetes.io/name"] == "unstall")
        .collect();
    // A replica on a node that somebody cordoned is a replica.
    let is_away = |node: &str| {
        let is_ready = world
            .store
            .get(Kind::Node, node)
            .is_some_and(|it| facts::is_ready(it));
        let since = past.away.get(node);
        !is_ready && since.is_some_and(|since| world.now.saturating_sub(*since) > LAG)
    };
    for slot in facts::disrupted(commit) {
        let is_there = own
            .iter()
            .any(|pod| pod["spec"]["nodeName"] == slot.node.as_str());
        let others = own.iter().filter(|pod| {
            let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
            node != slot.node && is_ready(pod) && !is_leaving(pod) && !is_away(node)
        });
        // Both may have come and gone within what a watch may lag behind.
        let is_settled = own.iter().all(|pod| is_ready(pod));
        if is_there && is_settled && others.count() == 0 {
            return Err(format!("{} has the only ready replica", slot.node));
        }
    }
    Ok(())
}
