//! (map) Everything that may forbid a remedy now, a file for each who may: each
//! answer is a typed reason with its numbers.

mod ask;

mod switches;

mod node;

mod fleet;

mod time;

mod replicas;
mod room;

pub use ask::{Ask, first, forbids, of_node};
pub use replicas::left_behind;
pub use room::in_place_limit;
pub use switches::ledger;
pub use time::{closed, uses_in_24h};
