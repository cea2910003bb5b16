//! How fast zombies become more. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::VecDeque;
use std::time::Duration;

use super::history::GAP_MAX;
use crate::time::MonotonicTime;

/// Counts this far apart are kept: pods come and go within minutes.
const SPACING: Duration = Duration::from_secs(60);
/// The growth is told over at least this time, so that one removed pod with
/// twenty cgroups is not 1,200 per hour.
pub const SPAN_MIN: Duration = Duration::from_secs(600);
/// and over at most this.
const SPAN_MAX: Duration = Duration::from_secs(3600);
/// A fall is a cleaning, by somebody or by the kernel, if it is by more than this
/// many,
const FALL_MIN: u64 = 64;
/// and by more than this part, one in twenty.
const FALL_PART: u64 = 20;
/// So many counts in a row may be a moment's: pods that end leave cgroups for seconds.
const PEAK: usize = 2;
/// As many counts as fit into the longest span.
const KEPT: usize = 61;

/// The counts of the last hour.
#[derive(Clone, Debug)]
pub struct Growth {
    counts: VecDeque<(MonotonicTime, u64)>,
    gap: Duration,
}

impl Default for Growth {
    fn default() -> Self {
        Self {
            counts: VecDeque::with_capacity(KEPT),
            gap: GAP_MAX,
        }
    }
}

impl Growth {
    /// Takes in the count of `at`; gives the growth per hour since the oldest
    /// count of the last hour, zero if they became fewer. `None` until there is
    /// one that is ten minutes old. A cleaning begins anew: against a count from
    /// before it there would be no growth for an hour, whatever grows. A peak is
    /// left out.
    pub fn add(&mut self, at: MonotonicTime, count: u64) -> Option<u64> {
        let is_gap = |last: &MonotonicTime| at < *last || at.since(*last) > self.gap;
        let counts = self.counts.iter().rev();
        let above = counts.take_while(|(_, before)| has_fallen(*before, count));
        let above = above.count();
        if self.counts.back().is_some_and(|(last, _)| is_gap(last)) || above > PEAK {
            self.counts.clear();
        } else {
            self.counts.truncate(self.counts.len() - above);
        }
        while self
            .counts
            .front()
            .is_some_and(|(first, _)| at.since(*first) > SPAN_MAX)
        {
            self.counts.pop_front();
        }
        let growth = self.counts.front().and_then(|(first, before)| {
            let span = at.since(*first);
            let rise = count.saturating_sub(*before);
            (span >= SPAN_MIN).then(|| per_hour(rise, span))
        });
        let is_due = |last: &MonotonicTime| at.since(*last) >= SPACING;
        if self.counts.back().is_none_or(|(last, _)| is_due(last)) {
            if self.counts.len() == KEPT {
                self.counts.pop_front();
            }
            self.counts.push_back((at, count));
        }
        growth
    }

    /// From now on takes counts up to `gap` apart for one series.
    pub fn set_gap(&mut self, gap: Duration) {
        self.gap = gap;
    }

    /// Forgets everything: the count cannot be read any more.
    pub fn clear(&mut self) {
        self.counts.clear();
    }
}

fn has_fallen(before: u64, now: u64) -> bool {
    let fall = before.saturating_sub(now);
    fall > FALL_MIN && fall > before / FALL_PART
}

/// `rise` over `span` as a rate per hour, to the nearest whole.
#[must_use]
pub fn per_hour(rise: u64, span: Duration) -> u64 {
    let nanos = span.as_nanos();
    let hour = Duration::from_secs(3600).as_nanos();
    let rate = u128::from(rise)
        .saturating_mul(hour)
        .saturating_add(nanos / 2)
        .checked_div(nanos);
    rate.map_or(0, |rate| u64::try_from(rate).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::testing::at;

    #[test]
    fn nothing_is_told_before_ten_minutes() {
        let mut growth = Growth::default();
        for second in (0..600).step_by(20) {
            assert_eq!(growth.add(at(second), second / 2), None, "{second}");
        }
        assert_eq!(growth.add(at(600), 500), Some(3_000));
    }

    #[test]
    fn it_is_the_rise_of_the_last_hour() {
        let mut growth = Growth::default();
        let mut last = None;
        // 10 a minute for two hours, then none for an hour.
        for minute in 0..=120 {
            last = growth.add(at(60 * minute), 10 * minute);
        }
        assert_eq!(last, Some(600));
        for minute in 121..=180 {
            last = growth.add(at(60 * minute), 1_200);
        }
        assert_eq!(last, Some(0));
    }

    #[test]
    fn a_few_fewer_are_no_growth_and_a_gap_begins_anew() {
        let mut growth = Growth::default();
        for minute in 0..=10 {
            growth.add(at(60 * minute), 9_000);
        }
        assert_eq!(growth.add(at(660), 8_550), Some(0));
        let later = 660 + GAP_MAX.as_secs() + 1;
        assert_eq!(growth.add(at(later), 9_000), None);
    }

    #[test]
    fn a_cleaning_begins_anew_and_hides_no_growth_after_it() {
        let mut growth = Growth::default();
        for minute in 0..=20 {
            growth.add(at(60 * minute), 9_000);
        }
        for minute in 21..=30 {
            assert_eq!(growth.add(at(60 * minute), 50 * (minute - 20)), None);
        }
        assert_eq!(growth.add(at(60 * 31), 50 * 11), Some(3_000));
    }

    #[test]
    fn a_peak_hides_no_growth() {
        let mut growth = Growth::default();
        for minute in 0..=30_u64 {
            // Every fifth count meets pods that end.
            let peak = if minute % 5 == 4 { 200 } else { 0 };
            let told = growth.add(at(60 * minute), 1_000 + 30 * minute + peak);
            if peak == 0 {
                let expected = (minute >= 10).then_some(1_800);
                assert_eq!(told, expected, "minute {minute}");
            }
        }
    }

    #[test]
    fn a_fall_within_the_noise_is_no_cleaning() {
        let cases = [
            (9_000, 8_550, false),
            (9_000, 8_549, true),
            (100, 36, false),
            (100, 35, true),
            (100, 200, false),
        ];
        for (before, now, expected) in cases {
            assert_eq!(has_fallen(before, now), expected, "{before} to {now}");
        }
    }

    #[test]
    fn rates_are_rounded_and_never_overflow() {
        assert_eq!(per_hour(1, Duration::from_secs(7_200)), 1);
        assert_eq!(per_hour(1, Duration::from_secs(7_201)), 0);
        assert_eq!(per_hour(5, Duration::from_millis(500)), 36_000);
        assert_eq!(per_hour(u64::MAX, Duration::from_nanos(1)), u64::MAX);
        assert_eq!(per_hour(5, Duration::ZERO), 0);
    }
}
