//! (map) The mistakes: of the promises, and those that were met or could have been.

mod fault;
pub use fault::{Edit, Fault};

mod found;
mod promises;

mod all;
pub use all::all;
