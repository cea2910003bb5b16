//! Law 18: Nodes that somebody else has are left alone.

use super::past::LAG;
use super::{Past, Verdict, facts};
use crate::sim::api::kind::Kind;
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::World;

pub fn holds(world: &World, past: &Past, _: &Actor, commit: &Commit) -> Verdict {
    let is_long_owned = |node: &str| {
        let since = past.owned.get(node);
        since.is_some_and(|since| world.now.saturating_sub(*since) > LAG)
    };
    if let Some(slot) = facts::taken(commit)
        .iter()
        .find(|slot| is_long_owned(&slot.node))
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
