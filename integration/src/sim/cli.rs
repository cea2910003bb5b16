//! The simulator's command line.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Parser;

use super::{Coverage, Outcome, run};

/// Lets the controller run in worlds that are played, each of one seed.
#[derive(Debug, Parser)]
#[command(name = "sim", version)]
pub struct Cli {
    /// Replay this seed, and print what everybody did.
    #[arg(long, conflicts_with_all = ["seeds", "base"])]
    seed: Option<u64>,
    /// Stop a replay after so many simulated seconds.
    #[arg(long, requires = "seed", value_name = "SECONDS")]
    until: Option<u64>,
    /// Print every line as it happens, not the last ones alone.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// How many seeds to run.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first of them; drawn from the time where it is absent.
    #[arg(long)]
    base: Option<u64>,
    /// Go on after a failure.
    #[arg(long)]
    keep_going: bool,
    /// How many threads run seeds side by side.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=64))]
    threads: u64,
}

impl Cli {
    /// Runs what was asked for.
    ///
    /// # Errors
    /// That a law was broken, with the seed.
    pub fn run(&self) -> Result<()> {
        match self.seed {
            Some(seed) => self.replay(seed),
            None => self.many(),
        }
    }

    fn replay(&self, seed: u64) -> Result<()> {
        let outcome = run(seed, self.until.map(Duration::from_secs), self.trace)?;
        if !self.trace {
            for line in &outcome.trace {
                println!("{line}");
            }
        }
        println!("digest {:016x}", outcome.digest);
        match outcome.broken {
            Some(broken) => bail!(
                "seed {seed}: {} at {:?}: {}",
                broken.rule,
                broken.at,
                broken.text
            ),
            None => Ok(()),
        }
    }

    fn many(&self) -> Result<()> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        let base = self.base.unwrap_or(now.as_secs() << 16);
        println!("base seed {base}, {} seeds", self.seeds);
        let started = Instant::now();
        let outcomes = self.side_by_side(base)?;
        let took = started.elapsed().as_secs_f64();
        let mut coverage = Coverage::default();
        let mut failed = Vec::new();
        let mut hours = 0.0;
        for outcome in &outcomes {
            coverage.add(&outcome.coverage);
            hours += outcome.node_hours;
            if let Some(broken) = &outcome.broken {
                println!(
                    "FAILED seed {}: {} at {:?}: {}",
                    outcome.seed, broken.rule, broken.at, broken.text
                );
                failed.push(outcome.seed);
            }
        }
        for (what, count) in &coverage.counts {
            println!("{count:>9} {what}");
        }
        println!(
            "{} worlds, {hours:.0} node-hours in {took:.1} s ({:.0} a second), {} calls, {} Events, {} watches broken, {} gone",
            outcomes.len(),
            hours / took,
            coverage.calls,
            coverage.events,
            coverage.broken_watches,
            coverage.gone
        );
        if failed.is_empty() {
            println!("{} passed, 0 failed", outcomes.len());
            return Ok(());
        }
        println!(
            "{} passed, {} failed",
            outcomes.len() - failed.len(),
            failed.len()
        );
        bail!("replay with --seed {}", failed[0])
    }

    fn side_by_side(&self, base: u64) -> Result<Vec<Outcome>> {
        let stop = AtomicBool::new(false);
        let stop = &stop;
        let all: Vec<Result<Vec<Outcome>>> = std::thread::scope(|scope| {
            let lanes: Vec<_> = (0..self.threads)
                .map(|lane| scope.spawn(move || self.lane(base, lane, stop)))
                .collect();
            let joined = lanes.into_iter().map(|lane| match lane.join() {
                Ok(done) => done,
                Err(_) => Err(anyhow::anyhow!("a lane panicked")),
            });
            joined.collect()
        });
        let mut outcomes = Vec::new();
        for lane in all {
            outcomes.extend(lane?);
        }
        outcomes.sort_by_key(|outcome| outcome.seed);
        Ok(outcomes)
    }

    fn lane(&self, base: u64, lane: u64, stop: &AtomicBool) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        let mut number = lane;
        while number < self.seeds && !stop.load(Ordering::Relaxed) {
            let outcome = run(base + number, None, false)?;
            let is_broken = outcome.broken.is_some();
            outcomes.push(outcome);
            if is_broken && !self.keep_going {
                stop.store(true, Ordering::Relaxed);
            }
            number += self.threads.max(1);
        }
        Ok(outcomes)
    }
}
