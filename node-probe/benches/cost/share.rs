//! The share of a CPU that the whole program takes at its default interval.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::program::Program;
use crate::tree::Tree;

const CGROUPS: usize = 1_000;
/// Start-up is paid once.
const SETTLE: Duration = Duration::from_secs(20);
const MEASURED: Duration = Duration::from_secs(310);

pub fn run() {
    let Some(_tree) = Tree::make(CGROUPS) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_node-probe"));
    command.arg("probe");
    let program = Program::start(command, dir.path());
    std::thread::sleep(SETTLE);
    let cycles = program.cycles();
    let (began, before) = (Instant::now(), program.cpu());
    std::thread::sleep(MEASURED);
    let (wall, cpu) = (began.elapsed(), program.cpu() - before);
    let taken = program
        .cycles()
        .zip(cycles)
        .map(|(after, before)| after - before);
    println!(
        "{} cycles in {:.0} s: {:.1} ms of CPU, {:.4} % of one; resident {} KiB",
        taken.unwrap_or_default(),
        wall.as_secs_f64(),
        cpu.as_secs_f64() * 1e3,
        cpu.as_secs_f64() / wall.as_secs_f64() * 100.0,
        program.memory("VmRSS"),
    );
}
