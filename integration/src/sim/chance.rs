//! What the seed decides.

use std::time::Duration;

/// Random numbers that are the same on every machine.
#[derive(Debug, Clone)]
pub struct Chance {
    rng: fastrand::Rng,
}

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// Another stream of numbers, so that one part of the world draws nothing from
    /// another's.
    pub fn fork(&mut self) -> Self {
        Self::new(self.rng.u64(..))
    }

    pub fn any(&mut self) -> u64 {
        self.rng.u64(..)
    }

    /// Below `end`, which is at least 1.
    pub fn below(&mut self, end: u64) -> u64 {
        self.rng.u64(..end.max(1))
    }

    /// So many times in a thousand.
    pub fn happens(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// From `low` to `high` milliseconds.
    pub fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(low + self.below(high.saturating_sub(low) + 1))
    }

    /// From `low` to `high` seconds.
    pub fn seconds(&mut self, low: u64, high: u64) -> Duration {
        self.millis(low * 1000, high * 1000)
    }

    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let length = u64::try_from(all.len()).unwrap_or_default();
        let at = self.below(length);
        all.get(usize::try_from(at).unwrap_or_default())
    }

    /// One of `all`, which is never empty.
    pub fn of<T: Copy, const N: usize>(&mut self, all: [T; N]) -> T {
        let length = u64::try_from(N).unwrap_or(1);
        all[usize::try_from(self.below(length)).unwrap_or_default()]
    }
}
