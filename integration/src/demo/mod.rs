//! `make demo`: a real stall, found, cured and proven on a real cluster, told
//! as it happens.
//!
//! Everything it says is read from the kernel or the API server at that
//! moment; it ends well only if all of it happened.

mod run;

mod preflight;
mod tell;

mod scene;
mod watch;

pub use run::run;
