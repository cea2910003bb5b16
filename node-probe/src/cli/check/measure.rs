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

/// Between two looks at what only frequent looks can tell.
const TICK: Duration = Duration::from_secs(1);

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
    observer.be_brief();
    let mut judge = Judge::new(thresholds, PACE);
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
        wait(delay, &mut observer);
    }
    let (at, around) = observer.end_window();
    judge.surround(at, &around);
    let verdict = judge.verdict_over(limits.reads, monotonic());
    Measured {
        observer,
        judge,
        verdict,
    }
}

/// Waits for `delay`, with the looks between cycles that only tell something a second
/// apart.
fn wait(delay: Duration, observer: &mut Observer) {
    let mut left = delay;
    while let Some(rest) = left.checked_sub(TICK) {
        std::thread::sleep(TICK);
        observer.tick();
        left = rest;
    }
    std::thread::sleep(left);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_the_node_goes_through_is_one_sample_of_the_whole_check() {
        let limits = Limits {
            reads: 8,
            time: Duration::from_secs(60),
        };
        let host = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1");
        let measured = measure(
            Roots::under(&host),
            limits,
            Thresholds::default(),
            |_, _, _| {},
        );
        let squeezes = measured.judge.series(Signal::SoftnetSqueeze);
        assert_eq!(squeezes.history().len(), 1);
    }
}
