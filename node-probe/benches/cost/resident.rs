//! Memory after many cycles of the whole program, publishing included.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use clap::Parser;
use node_probe::pace::Pace;
use node_probe::publish::{ProbeArgs, run_at};

use crate::program::Program;

/// The first word of this program's arguments when it is to be the probe.
pub const AS_PROBE: &str = "as-probe";

const LOOKS: [u64; 5] = [100, 1_000, 2_500, 5_000, 10_000];
const BETWEEN: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(1_200);

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    probe: ProbeArgs,
}

/// The real program as fast as its duty of 1 % lets it: it has no argument for less than a second.
pub fn as_probe(words: impl Iterator<Item = String>) {
    let soon = Duration::from_millis(1);
    let end = run_at(
        Args::parse_from(words).probe,
        Pace {
            quiet: soon,
            fast: soon,
        },
    );
    std::process::exit(i32::from(end != ExitCode::SUCCESS));
}

pub fn run() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(AS_PROBE);
    let program = Program::start(command, dir.path());
    let began = Instant::now();
    for look in LOOKS {
        let cycles = loop {
            match program.cycles() {
                Some(cycles) if cycles >= look => break cycles,
                _ if began.elapsed() > PATIENCE => {
                    println!("not measured: {look} cycles were not reached in {PATIENCE:?}");
                    return;
                }
                _ => std::thread::sleep(BETWEEN),
            }
        };
        println!(
            "after {cycles:>6} cycles, {:>4} s: resident {:>6} KiB, of it anonymous {:>5} KiB",
            began.elapsed().as_secs(),
            program.memory("VmRSS"),
            program.memory("RssAnon"),
        );
    }
}
