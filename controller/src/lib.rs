//! The controller: observe, decide, act.
//!
//! [`run`] dispatches the command line. `observe` turns the cluster into a plain
//! snapshot, `unstall_decide` turns that into a plan, `act` carries the plan out, and
//! `run` does so again and again while `lead` says that this process may.

mod config;
pub use config::{Cli, Command};

mod client;
mod metrics;
mod serve;

pub mod keys;
pub mod lead;

mod observe;

mod act;
pub use act::{Herald, Told};

mod capture;
mod cleanup;
mod simulate;

mod run;

mod commands;
pub use commands::{exit_code, run};

#[cfg(test)]
mod testing;
