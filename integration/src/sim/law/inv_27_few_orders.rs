//! Law 27: An order that is refused is not given again in every pass: a node that cannot do it
//! would be asked for ever, and its answers drown in the asking.

use std::time::Duration;

use jiff::Timestamp;
use unstall_crds::command::CommandPayload;

use super::{Past, Verdict};
use crate::sim::api::kind::Kind;
use crate::sim::api::write::Commit;
use crate::sim::trace::Actor;
use crate::sim::world::World;

const WINDOW: Duration = Duration::from_mins(5);
/// One each 20 seconds, and some more from leaders whose clocks differ.
const MOST: usize = 20;

pub fn holds(world: &World, past: &Past, _: &Actor, commit: &Commit) -> Verdict {
    if commit.kind != Kind::Health {
        return Ok(());
    }
    let command = commit.after.as_deref().map(|it| &it["spec"]["command"]);
    let payload = command.and_then(|it| it["payload"].as_str());
    let Some(Ok(payload)) = payload.map(CommandPayload::parse) else {
        return Ok(());
    };
    if past
        .ordered
        .contains_key(&(payload.id.clone(), payload.issued_at.0))
    {
        return Ok(());
    }
    let first = (stem(&payload.id).to_owned(), Timestamp::MIN);
    let of_remedy = (past.ordered.range(first..))
        .take_while(|((id, _), _)| id.starts_with(stem(&payload.id)))
        .filter(|((id, _), _)| stem(id) == stem(&payload.id));
    let lately = of_remedy.filter(|(_, it)| world.now.saturating_sub(it.at) < WINDOW);
    let count = lately.count() + 1;
    if count <= MOST {
        return Ok(());
    }
    Err(format!("{} is order {count} within {WINDOW:?}", payload.id))
}

/// What the orders of one remedy share.
fn stem(id: &str) -> &str {
    id.rsplit_once('.').map_or(id, |(stem, _)| stem)
}
