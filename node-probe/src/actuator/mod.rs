//! The only part with power on a node, and the least able: a process of its own (uid 0, no
//! capability, no token, no socket but a Unix one) that carries out what the controller signed.
//!
//! Read in this order: a request comes in by [`server`], [`execute`] asks [`verify`], writes the
//! intent into the [`journal`], lets [`drop_caches`] act (with [`reclaim`] before it, where that is
//! mounted) or asks [`logind`], and writes the end down.

pub mod outcome;
pub mod wire;

pub mod client;

mod run;
mod sandbox;
mod seccomp;
mod selftest;

pub mod server;

pub mod execute;

pub mod keys;
pub mod limit;
pub mod record;
pub mod verify;

pub mod journal;

mod child;
pub mod counts;
pub mod drop_caches;
pub mod expiry;
pub mod passes;
pub mod reclaim;
pub mod steps;

pub mod logind;

pub use client::{ActuatorClient, ClientError};
pub use outcome::{CommandOutcome, Pass};
pub use reclaim::Reclaimed;
pub use run::{ActuateArgs, run};
