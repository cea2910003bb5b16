//! How a node is emptied: which pods leave, when, and what holds them.
//!
//! [`plan`] is one look at the pods of a node that is being drained, [`forecast`]
//! what would hold up a drain that has not begun. What they say of a pod comes
//! from three places: what it is and what the policy's rules make of it
//! (`stance`), what the API server answered last (`answer`), and whose turn it
//! is (`turn`).

mod outlook;

mod rule;
mod stance;

mod answer;
mod turn;

mod cause;
mod progress;
mod text;

mod forecast;
mod plan;

pub use forecast::forecast;
pub use outlook::{Blocked, Do, Input, Outlook, State};
pub use plan::plan;
