//! The controller: observe, decide, act.
//!
//! [`run`] is the loop. `observe` turns the cluster into a plain snapshot,
//! `unstall_decide` turns that into a plan, `act` carries the plan out.

mod config;
pub use config::{Cli, Command};

mod client;
pub mod keys;
#[path = "lead_stub.rs"]
mod lead;

mod observe;

mod act;

mod run;
pub use run::Loop;
