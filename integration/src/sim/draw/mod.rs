//! (map) A world of a seed: its shape, its policies, its troubles.

mod world;
pub use world::{LASTS, PEACE, draw};

mod workloads;

mod policies;

mod troubles;
