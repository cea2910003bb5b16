//! Removes everything of ours from all Nodes, before the controller is removed.

mod removal;

mod pages;

mod nodes;
mod rest;

mod run;
pub use run::run;
