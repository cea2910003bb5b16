//! Plan -> API writes. Nothing is chosen here: an action is carried out, or
//! refused because the live object is not what the plan saw.

mod apply;
mod command;
mod slot;
mod status;

mod event;

pub use apply::{Actor, apply};
pub use event::{Herald, Told};
pub use status::write_policies;
