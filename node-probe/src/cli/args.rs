//! The commands and their dispatch.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::check::{self, CheckArgs};
use super::version;
use super::watch::{self, WatchArgs};

/// Finds out whether this node's kernel stalls.
///
/// Times the kernel's read of the root memory.stat, which on some kernels walks
/// every dead memory cgroup and stalls the CPU, and counts those cgroups.
#[derive(Debug, Parser)]
#[command(name = "node-probe", version = version::long(), max_term_width = 100)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(CheckArgs),
    Watch(WatchArgs),
    #[cfg(feature = "cluster")]
    Probe(crate::publish::ProbeArgs),
    #[cfg(feature = "cluster")]
    Actuate(crate::actuator::ActuateArgs),
}

/// Runs the command line of this process.
///
/// Wrong arguments end it with 2, which node-problem-detector reads as Unknown.
#[must_use]
pub fn run() -> ExitCode {
    match Args::parse().command {
        Command::Check(args) => check::run(&args),
        Command::Watch(args) => watch::run(&args),
        #[cfg(feature = "cluster")]
        Command::Probe(args) => crate::publish::run(args),
        #[cfg(feature = "cluster")]
        Command::Actuate(args) => crate::actuator::run(args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
