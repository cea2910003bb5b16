//! Removes everything of ours from all Nodes, before the controller is removed.

mod removal;

mod nodes;
mod rest;

mod run;
pub use run::run;
