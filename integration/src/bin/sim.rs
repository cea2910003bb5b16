//! Lets the controller run in worlds that are played.

use clap::Parser;
use unstall_integration::sim::cli::Cli;

fn main() -> anyhow::Result<()> {
    Cli::parse().run()
}
