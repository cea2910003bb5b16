//! (map) Plans as stable text. Of a status that is written, what changed.

mod plan;

mod action;

mod incident;
mod incident_parts;

mod policy;
mod policy_parts;

mod delta;

mod clock;

mod diff;

pub use diff::diff;
pub use plan::plan;
