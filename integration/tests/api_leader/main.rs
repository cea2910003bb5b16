//! The lease on the real API server: candidates in this process, each with its own way
//! there, and what lies between at fault.
//!
//! [`bed`] has the API server, [`replica`] is a candidate on a thread of its own, which
//! can be frozen as a process is by SIGSTOP.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

mod bed;
mod replica;

mod faults;
mod turns;
