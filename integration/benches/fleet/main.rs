//! What a controller costs beside thousands of nodes on a real API server: resident
//! memory, the time to its first plan, from a probe's word to a cordon, and the
//! calls of an hour in which nothing happens.
//!
//! `NODES` (5000), `SICK` (10) and `IDLE_SECONDS` (600) say how much of it.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a bench that fails has nothing to say"
)]

mod bed;
mod calls;
mod log;

use std::time::{Duration, Instant};

use bed::Bed;
use unstall_integration::fleet::Replica;

fn main() {
    // `cargo test --benches` asks for nothing to be measured.
    if std::env::args().any(|it| it == "--test") {
        return;
    }
    let nodes = asked("NODES", 5000);
    let began = Instant::now();
    let bed = Bed::start(nodes);
    println!("{nodes} nodes made in {:.0?}", began.elapsed());
    let first = bed.replica("first");
    bed.until("the fleet to be judged", || bed.is_judged(nodes));
    println!(
        "{nodes} NodeHealths made and reported in {:.0?}",
        began.elapsed()
    );
    memory("while it made them", &first);
    drop(first);

    // As after an upgrade of the controller: everything is there already.
    let replica = bed.replica("measured");
    bed.until("the first pass", || {
        let passes = replica.metric("unstall_controller_passes_total", &[]);
        passes.is_ok_and(|it| it > 0.0).then_some(())
    });
    let log = bed.log("measured");
    println!(
        "from leading to all lists read: {:.0?}; from there to the first plan: {:.0?}",
        log.between("leading", "watching"),
        log.between("watching", "decided"),
    );
    memory("after the first plan", &replica);
    idle(&replica);
    delays(&bed);
    memory("after the cordons", &replica);
    plans(&replica);
}

/// A number that the environment asks for.
fn asked(name: &str, default: usize) -> usize {
    let asked = std::env::var(name).ok();
    asked.map_or(default, |it| it.parse().unwrap())
}

fn memory(when: &str, replica: &Replica) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", replica.pid())).unwrap();
    let row = |name: &str| {
        let row = status.lines().find_map(|line| line.strip_prefix(name));
        let kib: u64 = row.unwrap().trim().trim_end_matches(" kB").parse().unwrap();
        kib / 1024
    };
    println!(
        "resident {when}: {} MiB, at most {} MiB so far",
        row("VmRSS:"),
        row("VmHWM:")
    );
}

/// Calls and CPU time while only heartbeats change.
fn idle(replica: &Replica) {
    let seconds = u64::try_from(asked("IDLE_SECONDS", 600)).unwrap();
    std::thread::sleep(Duration::from_secs(20));
    let before = calls::of(replica);
    let cpu = cpu(replica);
    let passes = replica
        .metric("unstall_controller_passes_total", &[])
        .unwrap();
    std::thread::sleep(Duration::from_secs(seconds));
    println!("calls in {seconds} s of rest:");
    for (what, count) in calls::since(&before, &calls::of(replica)) {
        println!("  {what}: {count}");
    }
    let passes = replica
        .metric("unstall_controller_passes_total", &[])
        .unwrap()
        - passes;
    let used = self::cpu(replica) - cpu;
    println!(
        "  {passes} passes; {:.1} % of a CPU",
        used.as_secs_f64() * 100.0 / Duration::from_secs(seconds).as_secs_f64()
    );
    memory("after the rest", replica);
}

/// CPU time of a process so far.
fn cpu(replica: &Replica) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", replica.pid())).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.map(|it| it.parse::<u64>().unwrap()).sum();
    let hertz = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)
        .unwrap()
        .unwrap();
    Duration::from_millis(ticks * 1000 / u64::try_from(hertz).unwrap())
}

/// From the probe's word to the cordon, one node after the other.
fn delays(bed: &Bed) {
    let sick = asked("SICK", 10);
    let mut all: Vec<Duration> = (1..=sick)
        .map(|number| bed.cordon_after(&format!("n{}", number * 7)))
        .collect();
    all.sort_unstable();
    println!(
        "from a probe's report to the cordon, {sick} nodes: {:.0?} to {:.0?}, median {:.0?}",
        all[0],
        all[sick - 1],
        all[sick / 2],
    );
}

fn plans(replica: &Replica) {
    let get = |name: &str| replica.metric(name, &[]).unwrap();
    let mean = |name: &str| {
        let sum = get(&format!("unstall_controller_{name}_seconds_sum"));
        sum * 1000.0 / get(&format!("unstall_controller_{name}_seconds_count"))
    };
    println!(
        "on average {:.1} ms to decide, {:.1} ms a pass, of {} passes",
        mean("plan"),
        mean("pass"),
        get("unstall_controller_pass_seconds_count"),
    );
}
