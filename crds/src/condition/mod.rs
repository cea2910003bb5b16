//! (map) What every status says in the same words: conditions, and why
//! something does not happen.

mod blocked;
mod types;

pub use blocked::BlockedReason;
pub use types::{Condition, ConditionReason, ConditionStatus, ConditionType, set};
