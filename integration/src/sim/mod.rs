//! (map) The simulator: the controller itself, in a world that is played.
//!
//! One seed is one run, on any machine: [`draw`] makes a world of it, [`run`] lets it go on,
//! [`law`] says what must hold, [`world`] is the cluster, its nodes and its troubles, [`api`]
//! its API server.

#![allow(
    missing_docs,
    reason = "what is here is used here alone, and named to be read"
)]

mod api;
mod chance;
mod coverage;
mod law;
mod sight;
mod trace;
pub use trace::Telling;
mod world;

mod draw;

mod run;
mod tally;
pub use run::{Outcome, run};

mod record;

#[cfg(test)]
mod taught;

pub mod cli;
