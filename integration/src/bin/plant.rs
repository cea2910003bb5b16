//! `make plant`.

use std::process::ExitCode;

use clap::Parser;
use unstall_integration::plant::run;

/// Plants mistakes into a copy of the code, one at a time, and names the law by which the
/// simulator finds each.
#[derive(Parser)]
#[command(name = "plant", version)]
struct Cli {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    base: u64,
    /// Within how many seeds each must be found.
    #[arg(long, default_value_t = 2000)]
    seeds: u64,
    /// Those whose names contain this.
    #[arg(default_value = "")]
    only: String,
}

fn main() -> ExitCode {
    let Cli { base, seeds, only } = Cli::parse();
    match run(base, seeds, &only) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("plant: {error:#}");
            ExitCode::FAILURE
        }
    }
}
