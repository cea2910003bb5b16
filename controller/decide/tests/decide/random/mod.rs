//! (map) Random clusters: what they are, what was done to them, what happens.

mod life;

mod objects;

mod past;

pub use life::{life, observed_life};
