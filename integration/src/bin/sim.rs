//! Lets the controller run in worlds that are played.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use unstall_integration::sim::cli::Cli;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}
