//! `make mutate`: takes the product's rules away, one at a time, and names the
//! test that turns red each time.
//!
//! It works on a copy of the tree. There, each check of the actuator and each
//! reason of the decisions gets a switch that takes it away, all in one build;
//! the tests then run once per switch. The CEL rules need no build: each is
//! taken out of the definitions that a real API server is given.
//!
//! Reading order: what is taken away, where, how the tests run, the whole.

mod switches;

mod checks;
mod reasons;
mod scan;

mod rules;

mod process;
mod programs;
mod red;

mod api;

mod report;
mod run;

pub use run::{Group, run};
