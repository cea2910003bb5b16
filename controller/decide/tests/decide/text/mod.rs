//! (map) Plans as stable text. Of a status that is written, what changed.

mod plan;

mod incident;

mod policy;

mod delta;

mod clock;

mod diff;

pub use diff::diff;
pub use plan::plan;
