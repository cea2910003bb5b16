//! (map) What holds for every plan, whatever was decided. Worked out anew from the
//! snapshot, not by the code under test.

mod facts;

mod plan;

mod slots;
mod time;

mod commands;
mod incidents;
mod statuses;

mod left_over;
mod nodes;
mod pods;

pub use plan::broken;
