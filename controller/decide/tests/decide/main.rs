//! The decisions, from outside: scenarios as text files, properties of random
//! clusters, and that every reason is told somewhere.
//!
//! - `world`: a cluster made of plain objects, on which scripts and plans act.
//! - `text`: plans as stable text.
//! - `rules`, `schema`: what holds for every plan, whatever was decided.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on ends there"
)]

mod world;

mod text;

mod rules;
mod schema;

mod scenarios;

mod reasons;

mod removal;

mod properties;
mod random;
