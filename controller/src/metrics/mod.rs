//! What the controller tells Prometheus. `docs/metrics.md` lists it.

mod calls;
mod route;
pub use calls::Calls;

mod families;
mod labels;

mod figures;
pub use figures::figures;

mod record;
pub use record::{Metrics, Turn};

#[cfg(test)]
mod doc_tests;
