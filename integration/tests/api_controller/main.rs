//! The controller's own program against a real API server, controller-manager and
//! scheduler, on a fleet that is played.
//!
//! [`bed`] is a control plane of a test's own with the fleet on it, [`replica`] a
//! controller that can be killed, frozen and cut off, [`pair`] two of them.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

mod bed;
mod pair;
mod prometheus;
mod replica;
#[path = "../api_support/tls.rs"]
mod tls;

mod cured;
mod held;
mod leaders;
mod others;
mod rebooted;
mod reboots;
mod rollouts;
