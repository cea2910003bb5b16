//! (map) Random clusters: what they are, what was done to them, what happens.

mod life;

mod nodes;
mod objects;

mod past;

pub use life::{life, observed_life};
pub use nodes::OBEYED;
