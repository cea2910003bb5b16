//! The simulator's command line.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Parser;

use super::coverage::{ROWS, missing};
use super::record::Record;
use super::tally::{Failed, Tally};
use super::{Telling, run};

/// Lets the controller run in worlds that are played, each of one seed.
#[derive(Debug, Parser)]
#[command(name = "sim", version)]
pub struct Cli {
    /// Replay this seed, and print what everybody saw and did at the end.
    #[arg(long, conflicts_with_all = ["seeds", "base"])]
    seed: Option<u64>,
    /// Stop a replay after so many simulated seconds.
    #[arg(long, requires = "seed", value_name = "SECONDS")]
    until: Option<u64>,
    /// Print every line as it happens, not the last 200 alone.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// How many seeds to run.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first of them; drawn from the time where it is absent.
    #[arg(long)]
    base: Option<u64>,
    /// Fail when something that worlds should come across occurred in none.
    #[arg(long)]
    cover: bool,
    /// Keep what became of each thousand seeds in this file, with the commit, and go on
    /// from there when it is run again.
    #[arg(long, value_name = "FILE", requires = "base")]
    record: Option<PathBuf>,
    /// Go on after a failure, as with --record.
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
        let telling = match self.trace {
            true => Telling::Aloud,
            false => Telling::Sights,
        };
        let outcome = run(seed, self.until.map(Duration::from_secs), telling)?;
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
        let tally = match &self.record {
            Some(path) => {
                let run = |base, seeds| self.side_by_side(base, seeds);
                Record::open(path)?.complete(base, self.seeds, run)?
            }
            None => self.side_by_side(base, self.seeds)?,
        };
        let took = started.elapsed().as_secs_f64();
        for (what, count) in &tally.coverage.counts {
            println!("{count:>9} {what}");
        }
        for row in ROWS {
            let count = |key: &&str| tally.coverage.counts.get(*key).copied();
            let least = row.counted.iter().map(|key| count(key).unwrap_or(0)).min();
            println!("{:>9} {}", least.unwrap_or(0), row.fault);
        }
        let missing = missing(&tally.coverage.counts);
        println!(
            "{} worlds, {:.0} node-hours in {took:.1} s ({:.0} a second), {} calls, {} Events",
            tally.worlds,
            tally.node_hours,
            tally.node_hours / took,
            tally.coverage.calls,
            tally.coverage.events
        );
        if self.cover && !missing.is_empty() {
            println!("in none of them: {}", missing.join(", "));
        }
        verdict(&tally)?;
        if self.cover && !missing.is_empty() {
            bail!(
                "{} of what worlds should come across occurred in none",
                missing.len()
            );
        }
        Ok(())
    }

    fn side_by_side(&self, base: u64, seeds: u64) -> Result<Tally> {
        let stop = AtomicBool::new(false);
        let stop = &stop;
        let all: Vec<Result<Tally>> = std::thread::scope(|scope| {
            let lanes: Vec<_> = (0..self.threads)
                .map(|lane| scope.spawn(move || self.lane(base + lane, base + seeds, stop)))
                .collect();
            let joined = lanes.into_iter().map(|lane| match lane.join() {
                Ok(done) => done,
                Err(_) => Err(anyhow::anyhow!("a lane panicked")),
            });
            joined.collect()
        });
        let mut tally = Tally::default();
        for lane in all {
            tally.add(lane?);
        }
        Ok(tally)
    }

    fn lane(&self, first: u64, end: u64, stop: &AtomicBool) -> Result<Tally> {
        let mut tally = Tally::default();
        let mut seed = first;
        while seed < end && !stop.load(Ordering::Relaxed) {
            let mut outcome = run(seed, None, Telling::Deeds)?;
            if outcome.broken.is_some() {
                // The same again, with what everybody saw.
                let again = run(seed, None, Telling::Sights)?;
                outcome.trace = match again.digest == outcome.digest {
                    true => again.trace,
                    false => vec![format!(
                        "seed {seed} is not one run: it went on otherwise when played again"
                    )],
                };
            }
            tally.take(outcome);
            // What is recorded is recorded whole.
            if !tally.is_good() && !self.keep_going && self.record.is_none() {
                stop.store(true, Ordering::Relaxed);
            }
            seed += self.threads.max(1);
        }
        Ok(tally)
    }
}

/// Prints what was broken, and how the first came about.
fn verdict(tally: &Tally) -> Result<()> {
    let failed = u64::try_from(tally.failed.len())?;
    if let Some(first) = tally.failed.first() {
        println!("the end of seed {}:", first.seed);
        for line in &first.trace {
            println!("{line}");
        }
    }
    for Failed {
        seed, rule, text, ..
    } in &tally.failed
    {
        println!("FAILED seed {seed}: {rule} {text}");
    }
    println!("{} passed, {failed} failed", tally.worlds - failed);
    match tally.failed.first() {
        Some(first) => bail!("replay with --seed {}", first.seed),
        None => Ok(()),
    }
}
