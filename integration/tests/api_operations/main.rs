//! What people meet of the controller beside its work, on the real API server: Events
//! that the real kubectl shows, and the commands of the real program.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

mod bed;

mod cleanup;
mod events;
mod rights;
mod snapshot;
