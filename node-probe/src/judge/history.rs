//! The last samples of one signal that can be believed. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::VecDeque;
use std::time::Duration;

use super::signal::Statistic;
use crate::pace;
use crate::time::MonotonicTime;

/// Samples kept, so the most that a statistic can be asked over.
pub const CAPACITY: usize = 128;

/// Samples further apart than this do not belong to one series: what was seen
/// before the gap says nothing about now. Only the pause after a cycle so dear that
/// the next one comes later makes it longer.
pub const GAP_MAX: Duration = Duration::from_secs(15 * 60);

/// What a cycle may take beside the pause before it.
const CYCLE_MAX: Duration = Duration::from_secs(3 * 60);

/// How far apart two samples of one series are at most, the earlier of which was
/// taken in a cycle that took `cost` of CPU time.
#[must_use]
pub fn gap_after(cost: Duration) -> Duration {
    GAP_MAX.max(pace::longest_delay(cost).saturating_add(CYCLE_MAX))
}

/// The last samples, oldest first, without gaps.
#[derive(Clone, Debug)]
pub struct History {
    samples: VecDeque<(MonotonicTime, u64)>,
    gap: Duration,
}

/// The four statistics of the same samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How many samples there were.
    pub samples: usize,
    /// The least.
    pub min: u64,
    /// The median.
    pub p50: u64,
    /// The ninetieth percentile.
    pub p90: u64,
    /// The greatest.
    pub max: u64,
}

/// There are fewer samples than were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFew {
    /// Samples there are.
    pub have: usize,
}

impl Default for History {
    fn default() -> Self {
        Self {
            samples: VecDeque::with_capacity(CAPACITY),
            gap: GAP_MAX,
        }
    }
}

impl History {
    /// Adds the sample of `at`. After a gap, or if time went backwards, what
    /// was there before is forgotten.
    pub fn add(&mut self, at: MonotonicTime, value: u64) {
        if let Some((last, _)) = self.samples.back()
            && (at < *last || at.since(*last) > self.gap)
        {
            self.samples.clear();
        }
        if self.samples.len() == CAPACITY {
            self.samples.pop_front();
        }
        self.samples.push_back((at, value));
    }

    /// From now on takes samples up to `gap` apart for one series.
    pub fn set_gap(&mut self, gap: Duration) {
        self.gap = gap;
    }

    /// Whether the newest sample says nothing about `now` any more.
    #[must_use]
    pub fn is_stale(&self, now: MonotonicTime) -> bool {
        self.last().is_some_and(|(at, _)| now.since(at) > self.gap)
    }

    /// Forgets everything: the signal cannot be read any more.
    pub fn clear(&mut self) {
        self.samples.clear();
    }

    /// How many samples there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The newest sample.
    #[must_use]
    pub fn last(&self) -> Option<(MonotonicTime, u64)> {
        self.samples.back().copied()
    }

    /// The last `count` values, oldest first.
    pub fn last_values(&self, count: usize) -> impl Iterator<Item = u64> + '_ {
        let older = self.samples.len().saturating_sub(count);
        self.samples.iter().skip(older).map(|(_, value)| *value)
    }

    /// `statistic` over the last `count` samples.
    ///
    /// # Errors
    /// [`TooFew`] if there are not that many, or none was asked for.
    pub fn statistic(&self, statistic: Statistic, count: usize) -> Result<u64, TooFew> {
        self.over(statistic, count, None)
    }

    /// `statistic` over the last `count` samples that were taken after `start`:
    /// what was measured before a remedy cannot vouch for it.
    ///
    /// # Errors
    /// [`TooFew`] if there are not that many yet, or none was asked for.
    pub fn statistic_after(
        &self,
        statistic: Statistic,
        count: usize,
        start: MonotonicTime,
    ) -> Result<u64, TooFew> {
        self.over(statistic, count, Some(start))
    }

    /// As [`History::statistic_after`], of samples each of which is of the time since
    /// the one before it: the first after `start` began before it.
    ///
    /// # Errors
    /// [`TooFew`] if there are not that many yet, or none was asked for.
    pub fn statistic_of_windows_after(
        &self,
        statistic: Statistic,
        count: usize,
        start: MonotonicTime,
    ) -> Result<u64, TooFew> {
        let later = self.samples.iter().rev().take_while(|(at, _)| *at >= start);
        let have = later.count().saturating_sub(1);
        if have < count {
            return Err(TooFew { have });
        }
        self.over(statistic, count, Some(start))
    }

    /// All statistics over at most the last `count` samples; `None` if there
    /// are none.
    #[must_use]
    pub fn summary(&self, count: usize) -> Option<Summary> {
        let mut space = [0; CAPACITY];
        let sorted = self.sorted(count, None, &mut space);
        Some(Summary {
            samples: sorted.len(),
            min: Statistic::Min.of(sorted)?,
            p50: Statistic::P50.of(sorted)?,
            p90: Statistic::P90.of(sorted)?,
            max: Statistic::Max.of(sorted)?,
        })
    }

    fn over(
        &self,
        statistic: Statistic,
        count: usize,
        after: Option<MonotonicTime>,
    ) -> Result<u64, TooFew> {
        let mut space = [0; CAPACITY];
        let sorted = self.sorted(count, after, &mut space);
        if sorted.len() < count {
            return Err(TooFew { have: sorted.len() });
        }
        statistic.of(sorted).ok_or(TooFew { have: 0 })
    }

    /// Sorts at most the last `count` samples after `after` into `space`, which
    /// is on the stack: judging allocates nothing.
    fn sorted<'a>(
        &self,
        count: usize,
        after: Option<MonotonicTime>,
        space: &'a mut [u64; CAPACITY],
    ) -> &'a [u64] {
        let wanted = self.samples.iter().rev().take(count);
        let wanted = wanted.take_while(|(at, _)| after.is_none_or(|start| *at > start));
        let mut len = 0;
        for (slot, (_, value)) in space.iter_mut().zip(wanted) {
            *slot = *value;
            len += 1;
        }
        space[..len].sort_unstable();
        &space[..len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> MonotonicTime {
        MonotonicTime::from_boot(Duration::from_secs(seconds))
    }

    fn history(values: &[u64]) -> History {
        let mut history = History::default();
        for (second, value) in (1..).zip(values) {
            history.add(at(second), *value);
        }
        history
    }

    #[test]
    fn a_statistic_is_over_the_last_samples_only() {
        let history = history(&[900, 800, 3, 1, 2]);
        assert_eq!(history.statistic(Statistic::Max, 3), Ok(3));
        assert_eq!(history.statistic(Statistic::Min, 3), Ok(1));
        assert_eq!(history.statistic(Statistic::P50, 5), Ok(3));
        assert_eq!(history.statistic(Statistic::Max, 5), Ok(900));
    }

    #[test]
    fn too_few_samples_give_no_number() {
        let history = history(&[1, 2, 3]);
        assert_eq!(
            history.statistic(Statistic::Min, 4),
            Err(TooFew { have: 3 })
        );
        assert_eq!(
            history.statistic(Statistic::Min, 0),
            Err(TooFew { have: 0 })
        );
        assert_eq!(History::default().summary(10), None);
    }

    #[test]
    fn only_samples_after_the_remedy_count() {
        let history = history(&[80, 81, 82, 1, 2, 3]);
        assert_eq!(history.statistic_after(Statistic::Max, 3, at(3)), Ok(3));
        assert_eq!(
            history.statistic_after(Statistic::Max, 4, at(3)),
            Err(TooFew { have: 3 })
        );
        assert_eq!(
            history.statistic_after(Statistic::Max, 1, at(6)),
            Err(TooFew { have: 0 })
        );
    }

    #[test]
    fn only_windows_that_began_after_the_remedy_count() {
        let history = history(&[80, 81, 82, 40, 2, 3]);
        let of = |count, start| history.statistic_of_windows_after(Statistic::Max, count, start);
        // The remedy came within the window that ended at second 4.
        let remedied = at(3).after(Duration::from_millis(500));
        assert_eq!(of(2, remedied), Ok(3));
        assert_eq!(of(3, remedied), Err(TooFew { have: 2 }));
        assert_eq!(of(3, at(3)), Ok(40), "as one window ended");
        assert_eq!(of(1, at(7)), Err(TooFew { have: 0 }));
        assert_eq!(of(0, at(1)), Err(TooFew { have: 0 }));
    }

    #[test]
    fn a_gap_and_time_going_backwards_begin_a_new_series() {
        let mut history = history(&[1, 2, 3]);
        history.add(at(3).after(GAP_MAX), 4);
        assert_eq!(history.summary(CAPACITY).unwrap().samples, 4);
        history.add(
            history
                .last()
                .unwrap()
                .0
                .after(GAP_MAX + Duration::from_nanos(1)),
            5,
        );
        assert_eq!(history.summary(CAPACITY).unwrap().samples, 1);
        history.add(at(1), 6);
        assert_eq!(history.last(), Some((at(1), 6)));
        assert_eq!(history.summary(CAPACITY).unwrap().samples, 1);
    }

    #[test]
    fn the_oldest_sample_makes_room() {
        let values: Vec<u64> = (0..=CAPACITY as u64).collect();
        let history = history(&values);
        assert_eq!(history.statistic(Statistic::Min, CAPACITY), Ok(1));
        assert_eq!(
            history.statistic(Statistic::Min, 129),
            Err(TooFew { have: CAPACITY })
        );
    }
}
