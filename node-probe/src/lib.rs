//! The node probe: measures how long the kernel takes to read `memory.stat`,
//! judges it on the node, publishes the verdict, and obeys signed commands.
//!
//! Data flows `sample -> judge -> publish`; `cli` and `sampler` drive it.

pub mod text;
pub mod time;

pub mod sample;

mod jitter;
pub mod pace;
pub mod sampler;

pub mod judge;

#[cfg(feature = "cluster")]
pub mod host_state;

#[cfg(feature = "cluster")]
mod log;

#[cfg(feature = "cluster")]
pub mod actuator;

#[cfg(feature = "cluster")]
pub mod metrics;

#[cfg(feature = "cluster")]
pub mod publish;

pub mod cli;
