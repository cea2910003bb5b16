//! Plan -> API writes. Nothing is chosen here: an action is carried out, or
//! refused because the live object is not what the plan saw.

mod actor;

mod apply;
mod carry_out;

mod command;
pub mod evict;
mod evict_answer;
mod evictions;
mod failures;
mod hand_over;
mod health;
mod node;
mod pace;
mod slot;
mod status;

mod event;

pub use actor::Actor;
pub use carry_out::{Carried, carry_out};
pub use event::{Herald, Told};
pub use evictions::Evictions;
pub use failures::Failures;
pub use pace::Pace;
