//! `unstall-controller`: the command line.

use std::process::ExitCode;

use clap::Parser;
use unstall_controller::{Cli, exit_code, run};

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.logs.start();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("unstall-controller: {error:#}");
            exit_code(&error)
        }
    }
}
