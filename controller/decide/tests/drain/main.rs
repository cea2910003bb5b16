//! A drain, from outside: pods and answers in, calls and reasons out.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on ends there"
)]

mod case;

mod filters;
mod steps;

mod answers;
mod turns;

mod progress;
mod texts;

mod forecast;

mod properties;
mod random;
