//! The controller: observe, decide, act.
//!
//! `operate` is the process, [`Replica`] its part from campaign to end, `run` what a leader does:
//! `observe` turns the cluster into a plain snapshot, `unstall_decide` turns that
//! into a plan, `act` carries the plan out.

mod config;
pub use config::{Cli, Command};

pub mod client;
pub mod machine;
mod metrics;
mod serve;

pub mod keys;
pub mod lead;

mod observe;
pub use observe::{budget, pod};

mod act;
pub use act::{Herald, Told, evict};

mod operate;
mod replica;
pub use replica::Replica;
mod run;
pub use run::{Looks, Stop};

mod capture;
mod cleanup;
mod simulate;

mod commands;
pub use commands::{exit_code, run};

#[cfg(test)]
mod testing;
