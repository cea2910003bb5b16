//! Observations -> the status of the node's own `NodeHealth`.
//!
//! Reading order: what is asked ([`rules`]), what is said ([`status`], [`diagnosis`], [`conditions`]), when it
//! is worth a write ([`due`]), what became of the latest command ([`errand`])
//! and what was measured [`around`] it, and what still holds after a restart
//! ([`resume`]); then the I/O: the talk with the actuator, looks at the host's
//! files, the API object, and the loop that joins them.

pub mod rules;

mod text;

pub mod conditions;
pub mod diagnosis;
pub mod status;

pub mod due;

pub mod around;
pub mod errand;
pub mod resume;

mod command;
mod host_look;
mod object;

mod run;

#[cfg(test)]
mod status_tests;

pub use run::{ProbeArgs, run, run_at};
