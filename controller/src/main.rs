//! `unstall-controller`: the command line.

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;
use unstall_controller::{Cli, run};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .init();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("unstall-controller: {error:#}");
            ExitCode::FAILURE
        }
    }
}
