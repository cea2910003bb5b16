//! `node-probe check`: one shot, without a cluster, without root.

mod args;

mod measure;

mod next_boot;
mod report;
mod schema;

mod text;

mod run;

pub use args::CheckArgs;
pub use run::run;
pub use schema::json_schema;
