//! The controller: observe, decide, act.
//!
//! [`run`] is the loop. `observe` turns the cluster into a plain snapshot,
//! `unstall_decide` turns that into a plan, `act` carries the plan out.

mod config;
pub use config::{Cli, Command};

pub mod client;
pub mod keys;
mod lead;

mod observe;
pub use observe::{budget, pod};

mod act;
pub use act::evict;

mod run;
pub use run::run;
