//! (map) A cluster without servers: scripts change it, plans are carried out
//! on it as the controller would.

mod script;

mod cluster;

mod patch;

mod probe;

mod act;

pub use cluster::{World, kind};
pub use script::{Answer, Scenario, Step};
