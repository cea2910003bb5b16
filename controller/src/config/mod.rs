//! The command line. Every option can be given by an environment variable too, and a
//! wrong one is refused with what to write.

mod cli;
pub use cli::{Cleanup, Cli, Command, Document, Keys, Report, Simulate, Snapshot};

mod run;
pub use run::Run;

mod logs;
pub use logs::Logs;

mod value;
