//! The command line: one file or folder per subcommand.

pub(crate) mod duration;
pub(crate) mod version;

mod color;
mod label;

mod check;
mod watch;

mod args;

use color::{is_wanted as is_color_wanted, paint};

pub use args::run;
pub use check::json_schema;
