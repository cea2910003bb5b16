//! The reads of one check.

use std::time::Duration;

use crate::jitter::Jitter;
use crate::judge::{Judge, Signal, Thresholds, Verdict};
use crate::pace::{Mode, Pace};
use crate::sample::{Observation, Observer, Roots, monotonic};

/// A healthy check ends within the 5 s that node-problem-detector gives a
/// plugin by default: ten reads at this spacing take about 3 s.
const PACE: Pace = Pace {
    quiet: Duration::from_secs(60),
    fast: Duration::from_millis(300),
};

/// What a check may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Trusted reads after which it ends.
    pub reads: usize,
    /// The time after which it waits for no other read.
    pub time: Duration,
}

/// What a check saw.
#[derive(Debug)]
pub struct Measured {
    /// The open files: what they are, and what could not be opened.
    pub observer: Observer,
    /// All samples.
    pub judge: Judge,
    /// The verdict over them.
    pub verdict: Verdict,
}

/// Reads until there are enough trusted reads, the time is up, or the root
/// cannot be read at all. `progress` is told of each read, how many are trusted
/// so far, and how long the next one is away.
pub fn measure(
    roots: Roots,
    limits: Limits,
    thresholds: Thresholds,
    mut progress: impl FnMut(&Observation, usize, Duration),
) -> Measured {
    let mut observer = Observer::open(roots);
    let mut judge = Judge::new(thresholds);
    let mut jitter = Jitter::seeded();
    let started = monotonic();
    // Every other read may be disturbed before that counts as an answer.
    for _ in 0..limits.reads.saturating_mul(2) {
        let observation = observer.observe();
        judge.observe(&observation);
        let trusted = judge.series(Signal::MemoryStatReadCpu).history().len();
        let delay = PACE.next_delay(Mode::Fast, observation.cost, jitter.draw());
        let is_late = monotonic().since(started).saturating_add(delay) > limits.time;
        if trusted >= limits.reads || is_late || observation.root.is_err() {
            break;
        }
        progress(&observation, trusted, delay);
        std::thread::sleep(delay);
    }
    let verdict = judge.verdict_over(limits.reads, monotonic());
    Measured {
        observer,
        judge,
        verdict,
    }
}
