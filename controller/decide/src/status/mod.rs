//! (map) A policy's status: the fleet as the policy sees it. Nothing in it changes
//! while nothing happens, or every write would call for the next one.

mod fleet;

mod budget;

mod blocked;

mod forecast;

mod summary;

mod conditions;

mod whole;

pub use whole::{Seen, of};
