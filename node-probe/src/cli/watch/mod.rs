//! (map) `node-probe watch`: the measurements of this node as they come.
//!
//! [`frame`] makes the picture from values, [`terminal`] owns the screen and the
//! keys, [`run`] joins them with the sampling thread.

mod args;
mod frame;
mod run;
mod terminal;

pub use args::WatchArgs;
pub use run::run;
