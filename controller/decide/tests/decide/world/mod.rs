//! (map) A cluster without servers: scripts change it, plans are carried out
//! on it as the controller would.

mod facts;
mod script;

mod cluster;
mod seen;

mod nodes;
mod patch;
mod pods;

mod probe;

mod act;
mod act_ledger;
mod act_node;

pub use cluster::{World, kind};
pub use script::{Answer, Scenario, Step, Unread};
