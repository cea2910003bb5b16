//! Law 11: Uncordoned is what an incident cordoned, and what is still its own.

use super::{Past, Verdict, facts};
use crate::sim::api::kind::Kind;
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
