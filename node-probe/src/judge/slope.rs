//! How much of a read one zombie costs on this node. (pure)
//!
//! No absolute number of zombies is harmful on every kernel and machine; the
//! cost of each one is learned instead.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::VecDeque;

/// Samples kept: two hours at the default interval.
const KEPT: usize = 120;
/// Fewer samples make no line.
const SAMPLES_MIN: usize = 8;
/// Counts must lie apart by at least this many ...
const SPAN_MIN: u64 = 500;
/// ... and by a fifth of the greatest, or noise decides the line.
const SPAN_SHARE: u64 = 5;
/// The line must explain this much of the reads' variance.
const FIT_MIN: f64 = 0.8;

/// A fitted line of read time against zombies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slope {
    /// Nanoseconds of CPU that a read takes for each thousand zombies.
    pub per_thousand: u64,
    /// Of how many reads.
    pub samples: usize,
}

/// Counts and what the read beside each took.
#[derive(Clone, Debug)]
pub struct Costs {
    kept: VecDeque<(u64, u64)>,
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            kept: VecDeque::with_capacity(KEPT),
        }
    }
}

impl Costs {
    /// Takes in a count of `zombies` and the read of `nanos` beside it. The
    /// count lies on the horizontal axis, so it must be one that is believed.
    pub fn add(&mut self, zombies: u64, nanos: u64) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((zombies, nanos));
    }

    /// The least-squares line, where the counts differ enough and it fits.
    #[must_use]
    pub fn slope(&self) -> Option<Slope> {
        let least = self.kept.iter().map(|(zombies, _)| *zombies).min()?;
        let most = self.kept.iter().map(|(zombies, _)| *zombies).max()?;
        let is_wide = most - least >= SPAN_MIN.max(most / SPAN_SHARE);
        if self.kept.len() < SAMPLES_MIN || !is_wide {
            return None;
        }
        let samples = as_f64(self.kept.len() as u64);
        let mean = |value: fn(&(u64, u64)) -> u64| {
            self.kept.iter().map(|it| as_f64(value(it))).sum::<f64>() / samples
        };
        let (mean_x, mean_y) = (mean(|it| it.0), mean(|it| it.1));
        let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
        for (zombies, nanos) in &self.kept {
            let (x, y) = (as_f64(*zombies) - mean_x, as_f64(*nanos) - mean_y);
            xx += x * x;
            xy += x * y;
            yy += y * y;
        }
        let per_zombie = xy / xx;
        let fit = xy * xy / (xx * yy);
        if !(per_zombie > 0.0 && fit >= FIT_MIN) {
            return None;
        }
        Some(Slope {
            per_thousand: whole(per_zombie * 1_000.0),
            samples: self.kept.len(),
        })
    }
}

/// Counts and nanoseconds of reads stay far below 2^53, where this is exact.
#[allow(clippy::cast_precision_loss)]
fn as_f64(value: u64) -> f64 {
    value as f64
}

/// Of a finite positive number; beyond the range it saturates.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(pairs: impl IntoIterator<Item = (u64, u64)>) -> Costs {
        let mut costs = Costs::default();
        for (zombies, nanos) in pairs {
            costs.add(zombies, nanos);
        }
        costs
    }

    #[test]
    fn the_cost_of_a_thousand_zombies_is_learned_beside_a_fixed_cost() {
        let reads = (0..10).map(|n| (n * 1_000, 40_000 + n * 3_100_000));
        let slope = costs(reads).slope().unwrap();
        assert_eq!(slope.per_thousand, 3_100_000);
        assert_eq!(slope.samples, 10);
    }

    #[test]
    fn a_node_whose_count_hardly_moves_teaches_nothing() {
        let reads = (0..100).map(|n| (48_000 + n * 50, 150_000_000 + n * 155_000));
        assert_eq!(costs(reads).slope(), None);
        let reads = (0..100).map(|n| (n * 4, n));
        assert_eq!(costs(reads).slope(), None);
        assert_eq!(costs([(0, 1), (9_000, 90)]).slope(), None);
    }

    #[test]
    fn reads_that_do_not_follow_the_count_have_no_slope() {
        let unrelated = (0..20).map(|n| (n * 1_000, if n % 2 == 0 { 80_000_000 } else { 30_000 }));
        assert_eq!(costs(unrelated).slope(), None);
        let falling = (0..20).map(|n| (n * 1_000, 100_000_000 - n * 1_000_000));
        assert_eq!(costs(falling).slope(), None);
        let flat = (0..20).map(|n| (n * 1_000, 30_000));
        assert_eq!(costs(flat).slope(), None);
    }

    #[test]
    fn the_oldest_make_room() {
        let old = (0..KEPT as u64).map(|n| (n * 100, 30_000));
        let new = (0..KEPT as u64).map(|n| (n * 100, n * 100_000));
        assert_eq!(
            costs(old.chain(new)).slope().unwrap().per_thousand,
            1_000_000
        );
    }
}
