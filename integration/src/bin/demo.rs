//! `make demo`.

use std::process::ExitCode;

use clap::Parser;

/// Makes a real stall on this machine's kernel, and shows it found, cured and
/// proven on a real cluster. Needs root. Ends with 0 only if all of it happened.
///
/// KEEP=1 in the environment keeps the cluster; `make demo-down` takes it down.
#[derive(Parser)]
#[command(name = "demo", version)]
struct Cli {}

fn main() -> ExitCode {
    let Cli {} = Cli::parse();
    match unstall_integration::demo::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}
