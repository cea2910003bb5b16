//! Busy machines that do not stall, and one that does under each load.
//!
//! Each control lasts a few seconds here. `UNSTALL_CONTROL_SECONDS` makes them longer: 260 add up
//! to half an hour without a stall.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

mod controls;
mod loads;

#[path = "../kernel_support/turn.rs"]
mod turn;
