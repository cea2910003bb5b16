//! Law 13: Where too many nodes are unhealthy nothing begins.

use std::time::Duration;

use super::past::LAG;
use super::{Past, Verdict, facts};
use crate::sim::api::kind::Kind;
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::World;

/// Three reports of five minutes each.
const SILENT: Duration = Duration::from_mins(15);

/// As long as humans allow a storm here, by clocks that are up to 11 minutes wrong.
const STORM: Duration = Duration::from_mins(131);

pub fn holds(world: &World, past: &Past, actor: &Actor, commit: &Commit) -> Verdict {
    let taken = facts::taken(commit);
    let is_allowed = past
        .storm_allowed
        .is_some_and(|at| world.now < at + STORM + LAG);
    if taken.is_empty() || is_allowed {
        return Ok(());
    }
    let known = world.known(actor, &[Kind::Node, Kind::Health]);
    let unhealthy: Vec<&str> = Past::so_since(&past.unhealthy, known).collect();
    for policy in facts::policies(world) {
        let covered = facts::covered(world, &policy);
        if !taken.iter().any(|slot| covered.contains(&slot.node)) {
            continue;
        }
        let name = policy.metadata.name.clone().unwrap_or_default();
        if !past.is_there_since(&name, world.known(actor, &[Kind::Policy])) {
            continue;
        }
        let share = usize::from(policy.spec.disruption.stop_when_unhealthy.get());
        let total = facts::total(world, past, &policy, known);
        let total = usize::try_from(total).unwrap_or(usize::MAX);
        let limit = total.saturating_mul(share).div_ceil(100).max(1);
        let silent = |node: &&String| {
            let beat = past.beats.get(*node);
            beat.is_some_and(|beat| world.now.saturating_sub(*beat) > SILENT + LAG)
        };
        let mut sick: Vec<String> = covered.iter().filter(silent).cloned().collect();
        let sick_ones = unhealthy
            .iter()
            .filter(|key| {
                let node = key.strip_prefix(&format!("{name}/"));
                node.is_some_and(|node| covered.iter().any(|it| it == node))
            })
            .filter_map(|key| key.split_once('/').map(|(_, node)| node.to_owned()));
        sick.extend(sick_ones);
        sick.sort();
        sick.dedup();
        if sick.len() > limit {
            return Err(format!(
                "a slot for {:?} while {sick:?} are unhealthy, {limit} of {total} may be",
                taken[0].node,
            ));
        }
    }
    Ok(())
}
