//! Zombies counted on kernels other than this machine's, against the kernel's
//! own figure where it has one.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

mod counts;
mod guest;
mod walk;
