//! Windows of a policy: named situations, what people are told, what cannot be
//! understood, and a comparison with a count of all minutes.
//!
//! - `read`: windows and times from text.
//! - `minutes`: the slow, second way to say when disruptions may begin.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on ends there"
)]

mod read;

mod situations;
mod situations_clock;
mod situations_exclude;

mod ahead;
mod bad;
mod handbook;
mod text;

mod minutes;
mod properties;
