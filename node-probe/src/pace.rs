//! When to read next. (pure)
//!
//! The read is what stalls a sick kernel, so the probe must not read often
//! where reading is dear: after a cycle that cost `c` of CPU time the next one
//! starts at least `100 c` later, which bounds the duty at 1 % whatever a read
//! costs.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

use crate::sample::WINDOW;

/// The delay after a cycle is at least this many times the cycle's CPU time.
pub const DELAY_PER_COST: u32 = 100;

/// A cycle dearer than this earns [`REST`] in quiet mode: the verdict stands,
/// and another reading adds nothing but another stall.
pub const DEAR_CYCLE: Duration = Duration::from_millis(500);

/// The least delay after a [`DEAR_CYCLE`] in quiet mode.
pub const REST: Duration = Duration::from_secs(600);

/// How eagerly samples are wanted, the least eager first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// The verdict stands, and nothing is being confirmed or verified.
    #[default]
    Quiet,
    /// What has a window is wanted, or what tells no more where it is looked at more
    /// often: each cycle comes as a window ends.
    Windows,
    /// A trigger is being confirmed, a cure verified, or there is no verdict yet:
    /// as fast as the duty bound allows.
    Fast,
}

/// The intervals between the ends and starts of cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The mean delay in quiet mode; at most 12 min, for the judge takes samples
    /// more than 15 min apart for two series.
    pub quiet: Duration,
    /// The least delay in fast mode. Below some hundred milliseconds samples
    /// are no longer independent: a read uses up the statistics flush that
    /// the next one would have paid for.
    pub fast: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            quiet: Duration::from_secs(60),
            fast: Duration::from_millis(500),
        }
    }
}

impl Pace {
    /// The delay between the end of a cycle that took `cost` of CPU time and
    /// the start of the next one.
    ///
    /// `jitter` is any random number. In quiet mode it spreads the delay over
    /// 80 % to 120 % of the interval, 24 s at the default: more than kubelet's
    /// housekeeping period (10 to 15 s), so that reads fall at every phase of
    /// it, from the second on. The first one comes at once: it is cold, so only a
    /// slow one counts. In fast mode, and where the duty decides, it only ever adds (up to
    /// 20 %): the bound holds for every `jitter`. So it does while windows are waited
    /// for: a cycle before the end of one would tell nothing of it.
    #[must_use]
    pub fn next_delay(&self, mode: Mode, cost: Duration, jitter: u32) -> Duration {
        let bound = cost.saturating_mul(DELAY_PER_COST);
        let wanted = match mode {
            Mode::Quiet if cost > DEAR_CYCLE => REST.max(spread(self.quiet, 80, jitter)),
            Mode::Quiet => spread(self.quiet, 80, jitter),
            Mode::Windows => spread(self.quiet.min(WINDOW), 100, jitter),
            Mode::Fast => spread(self.fast, 100, jitter),
        };
        if wanted > bound {
            wanted
        } else {
            spread(bound, 100, jitter)
        }
    }

    /// The longest that a window takes, beside the cycle that ends it, while they are
    /// waited for and no cycle is dearer than a [`DEAR_CYCLE`]: it ends with the first
    /// cycle after [`WINDOW`].
    #[must_use]
    pub fn longest_window(&self) -> Duration {
        let delay = |cost| self.next_delay(Mode::Windows, cost, u32::MAX);
        let cheap = WINDOW.saturating_add(delay(Duration::ZERO));
        cheap.max(delay(DEAR_CYCLE))
    }
}

/// The longest delay that the duty makes after a cycle that took `cost` of CPU time.
#[must_use]
pub fn longest_delay(cost: Duration) -> Duration {
    spread(cost.saturating_mul(DELAY_PER_COST), 100, u32::MAX)
}

/// `base` times a factor between `low_percent` and 120 %, by `jitter`.
fn spread(base: Duration, low_percent: u32, jitter: u32) -> Duration {
    // Whole percents of a percent: integer arithmetic keeps the lower bound
    // exact where a float could round below it.
    let steps = u64::from(120 - low_percent) * 100;
    let step = (u64::from(jitter) * (steps + 1)) >> 32;
    let factor = u128::from(u64::from(low_percent) * 100 + step);
    let nanos = base.as_nanos().saturating_mul(factor).div_ceil(10_000);
    u64::try_from(nanos).map_or(Duration::from_nanos(u64::MAX), Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn a_cheap_cycle_keeps_the_interval_of_its_mode() {
        let pace = Pace::default();
        let cost = Duration::from_micros(30);
        assert_eq!(pace.next_delay(Mode::Quiet, cost, 0), MS(48_000));
        assert_eq!(pace.next_delay(Mode::Quiet, cost, u32::MAX), MS(72_000));
        assert_eq!(pace.next_delay(Mode::Fast, cost, 0), MS(500));
        assert_eq!(pace.next_delay(Mode::Fast, cost, u32::MAX), MS(600));
    }

    #[test]
    fn a_dear_cycle_is_followed_by_a_hundred_times_its_cost() {
        let pace = Pace::default();
        assert_eq!(pace.next_delay(Mode::Fast, MS(80), 0), MS(8_000));
        assert_eq!(pace.next_delay(Mode::Fast, MS(230), 0), MS(23_000));
    }

    #[test]
    fn a_read_over_500_ms_earns_a_rest_unless_something_is_being_verified() {
        let pace = Pace::default();
        assert_eq!(pace.next_delay(Mode::Quiet, MS(501), 0), REST);
        assert_eq!(pace.next_delay(Mode::Quiet, MS(500), 0), MS(50_000));
        assert_eq!(pace.next_delay(Mode::Fast, MS(501), 0), MS(50_100));
        assert_eq!(pace.next_delay(Mode::Windows, MS(501), 0), MS(50_100));
    }

    fn quietly(seconds: u64) -> Pace {
        Pace {
            quiet: Duration::from_secs(seconds),
            ..Pace::default()
        }
    }

    #[test]
    fn windows_are_waited_for_no_longer_than_they_take_nor_than_the_interval() {
        for (interval, least, most) in [(600, 30, 36), (60, 30, 36), (30, 30, 36), (10, 10, 12)] {
            let delay =
                |jitter| quietly(interval).next_delay(Mode::Windows, Duration::ZERO, jitter);
            let delays = (delay(0), delay(u32::MAX));
            assert_eq!(
                delays,
                (MS(least * 1_000), MS(most * 1_000)),
                "{interval} s"
            );
        }
    }

    /// The longest of 400 windows at `pace`, of cycles that cost `cost` and last as long.
    fn longest_window(pace: Pace, cost: Duration) -> Duration {
        let mut lasted = Duration::ZERO;
        let windows = even(2_000).filter_map(|jitter| {
            lasted += cost + pace.next_delay(Mode::Windows, cost, jitter);
            (lasted >= WINDOW).then(|| std::mem::take(&mut lasted))
        });
        windows.take(400).max().unwrap()
    }

    /// The controller gives each sample of a proof 72 s.
    #[test]
    fn a_window_is_told_in_time_at_every_interval_up_to_the_cost_of_a_dear_cycle() {
        for interval in 1..=600 {
            let pace = quietly(interval);
            assert!(pace.longest_window() <= MS(66_000), "{interval} s");
            for cost in [MS(0), MS(100), MS(300), DEAR_CYCLE] {
                let longest = longest_window(pace, cost);
                let most = pace.longest_window() + 2 * cost;
                assert!(longest <= most, "{interval} s, {cost:?}: {longest:?}");
            }
        }
    }

    /// Numbers that fill the range evenly, as random ones would in the long run.
    fn even(count: u32) -> impl Iterator<Item = u32> + Clone {
        (0..count).map(|number| number.wrapping_mul(0x9e37_79b9))
    }

    /// How many of `moments` fall into each eighth of `period`.
    fn phases(moments: impl Iterator<Item = Duration>, period: Duration) -> [u32; 8] {
        let mut eighths = [0; 8];
        for moment in moments {
            let phase = moment.as_nanos() % period.as_nanos();
            eighths[usize::try_from(phase * 8 / period.as_nanos()).unwrap()] += 1;
        }
        eighths
    }

    #[test]
    fn reads_fall_at_every_phase_of_kubelets_housekeeping() {
        let pace = Pace::default();
        for cost in [MS(0), MS(50), MS(230)] {
            for period in [MS(10_000), MS(12_500), MS(15_000)] {
                let second = even(800).map(|jitter| pace.next_delay(Mode::Quiet, cost, jitter));
                let later = second.clone().scan(Duration::ZERO, |at, delay| {
                    *at += delay;
                    Some(*at)
                });
                for eighths in [phases(second, period), phases(later, period)] {
                    let is_met = eighths.iter().all(|reads| (50..200).contains(reads));
                    assert!(is_met, "{cost:?}, {period:?}: {eighths:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn duty_is_never_above_one_percent(
            cost in 0..10_000_000_000_000u64,
            quiet in 0..1_000_000_000_000u64,
            fast in 0..10_000_000_000u64,
            mode in prop::sample::select(vec![Mode::Quiet, Mode::Windows, Mode::Fast]),
            jitter: u32,
        ) {
            let pace = Pace { quiet: Duration::from_nanos(quiet), fast: Duration::from_nanos(fast) };
            let delay = pace.next_delay(mode, Duration::from_nanos(cost), jitter).as_nanos();
            let cost = u128::from(cost);
            prop_assert!(cost * 100 <= cost + delay, "cost {cost} ns, delay {delay} ns");
        }

        #[test]
        fn the_delay_stays_within_a_fifth_of_what_decides_it(
            cost in 0..10_000_000_000u64,
            jitter: u32,
        ) {
            let pace = Pace::default();
            let cost = Duration::from_nanos(cost);
            let decides = pace.fast.max(cost * DELAY_PER_COST);
            let delay = pace.next_delay(Mode::Fast, cost, jitter);
            prop_assert!(delay >= decides && delay <= decides * 6 / 5 + Duration::from_nanos(1));
            prop_assert!(delay <= longest_delay(cost).max(pace.fast * 6 / 5));
        }
    }
}
