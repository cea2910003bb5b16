//! The command line: one file or folder per subcommand.

pub(crate) mod duration;
pub(crate) mod version;

mod check;

mod args;

pub use args::run;
pub use check::json_schema;
