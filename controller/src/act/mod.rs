//! Plan -> API writes. Nothing is chosen here: an action is carried out, or
//! refused because the live object is not what the plan saw.

mod apply;
mod command;
pub mod evict;
mod evict_answer;
mod slot;
mod status;

pub use apply::{Actor, apply};
pub use status::write_policies;
