//! `make mutate`.

use std::process::ExitCode;

use clap::Parser;
use unstall_integration::interrupt::Interrupt;
use unstall_integration::mutate::{Group, run};

/// Takes each CEL rule, each check of the actuator and each reason of the
/// decisions away, one at a time, in a copy of the tree, and names the test
/// that turns red.
#[derive(Parser)]
#[command(name = "mutate", version)]
struct Cli {
    /// Take away these only.
    groups: Vec<Group>,
}

fn main() -> ExitCode {
    let mut groups = Cli::parse().groups;
    if groups.is_empty() {
        groups = vec![Group::Checks, Group::Reasons, Group::Rules];
    }
    match Interrupt::listen().and_then(|interrupt| run(&groups, &interrupt)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mutate: {error:#}");
            ExitCode::FAILURE
        }
    }
}
