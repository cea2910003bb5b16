//! When a policy's disruptions may begin, by the clock alone.
//!
//! A window or an exclusion is a rule of civil time (`rule`); on each of its
//! days it is one stretch of instants (`clock` says which). A `sweep` walks
//! through the stretches of all rules at once, and answers what people ask of it
//! (`view`) and what is told them (`text`).

mod bad;
mod clock;

mod rule;
mod schedule;

mod sweep;

mod text;
mod view;

pub use bad::BadWindow;
pub use text::{closed_text, local};
pub use view::{View, after_open_time, at, binds, next_open, problem};
