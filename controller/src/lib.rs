//! The controller: observe, decide, act.
//!
//! [`run`] is the loop. `observe` turns the cluster into a plain snapshot,
//! `unstall_decide` turns that into a plan, `act` carries the plan out.

mod config;
pub use config::{Cli, Command};

pub mod client;
pub mod keys;
pub mod lead;

pub mod observe;
pub use observe::{budget, pod};

pub mod act;
pub use act::evict;

mod operate;
pub use operate::operate;

mod run;
pub use run::Loop;

mod command_line;
pub use command_line::run;
