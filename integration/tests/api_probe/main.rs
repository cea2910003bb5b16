//! The real `node-probe probe` against the real API server, with what lies between them at fault.
//!
//! [`http`] speaks to a server, `unstall_integration::forward` passes HTTP on and is told what to do wrong, [`node`] is a probe with its own
//! `NodeHealth` behind one of them.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

mod http;
mod node;
#[path = "../api_support/proxy.rs"]
mod proxy;

mod next_boot;
mod page;
mod quiet;
mod token;
mod watches;
mod writes;
