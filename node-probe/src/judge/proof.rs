//! Whether a remedy worked, by the statistic that called for it. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

use super::growth::SPAN_MIN;
use super::rule::Rule;
use super::series::Series;
use super::signal::Signal;
use crate::time::MonotonicTime;

/// The controller waits for a proof for so long at least, and for each sample: see
/// `limit` in its `proof.rs`.
const AWAITED_MIN: Duration = Duration::from_mins(30);
const SAMPLE_MAX: Duration = Duration::from_secs(72);

/// Whether the controller may still wait at `now` for what proves `rule` since `remedied`.
#[must_use]
pub fn is_awaited(rule: &Rule, remedied: MonotonicTime, now: MonotonicTime) -> bool {
    let first = match rule.signal {
        Signal::ZombieMemcgGrowth => SPAN_MIN,
        _ => Duration::ZERO,
    };
    // One more: the window in which the remedy ended proves nothing.
    let samples = u32::try_from(rule.samples).unwrap_or(u32::MAX);
    let samples = SAMPLE_MAX.saturating_mul(samples.saturating_add(1));
    now.since(remedied) < AWAITED_MIN.max(first.saturating_add(samples))
}

/// What the samples taken since a remedy say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Too few trusted samples since then.
    Waiting {
        /// Samples there are.
        have: usize,
        /// Samples the rule asks for.
        need: usize,
    },
    /// The statistic is below the limit at which the rule clears.
    Good {
        /// The statistic over the samples since then.
        value: u64,
    },
    /// It is not.
    Bad {
        /// The statistic over the samples since then.
        value: u64,
    },
    /// The signal cannot be read, so nothing is proven.
    Unreadable(String),
}

impl Proof {
    /// The same statistic over as many samples as `rule` fires by, all of them
    /// taken after `remedied`, and of the time after it. A minimum of a few early samples would pass where
    /// the rule's own statistic does not.
    #[must_use]
    pub fn of(rule: &Rule, series: &Series, remedied: MonotonicTime) -> Self {
        if let Some(why) = series.unreadable() {
            return Self::Unreadable(why.to_owned());
        }
        let history = series.history();
        let statistic = if rule.signal.has_window() {
            history.statistic_of_windows_after(rule.statistic, rule.samples, remedied)
        } else {
            history.statistic_after(rule.statistic, rule.samples, remedied)
        };
        match statistic {
            Ok(value) if value < rule.clear_below => Self::Good { value },
            Ok(value) => Self::Bad { value },
            Err(few) => Self::Waiting {
                have: few.have,
                need: rule.samples,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::testing::{at, rule};
    use crate::judge::trust::Reading;

    fn series(values: &[u64]) -> Series {
        let mut series = Series::default();
        for (second, value) in (1..).zip(values) {
            series.add(at(second), Reading::Trusted(*value));
        }
        series
    }

    #[test]
    fn samples_from_before_the_remedy_prove_nothing() {
        let rule = Rule {
            samples: 3,
            ..rule()
        };
        let series = series(&[1, 1, 1, 1, 1]);
        assert_eq!(
            Proof::of(&rule, &series, at(3)),
            Proof::Waiting { have: 2, need: 3 }
        );
        assert_eq!(Proof::of(&rule, &series, at(2)), Proof::Good { value: 1 });
    }

    #[test]
    fn what_a_window_saw_before_the_remedy_proves_nothing() {
        let rule = Rule {
            samples: 1,
            signal: Signal::SoftnetDrop,
            ..rule()
        };
        let remedied = at(1).after(Duration::from_millis(500));
        let seen = series(&[90, 1]);
        let waiting = Proof::Waiting { have: 0, need: 1 };
        assert_eq!(Proof::of(&rule, &seen, remedied), waiting);
        let seen = series(&[90, 60, 1]);
        assert_eq!(Proof::of(&rule, &seen, remedied), Proof::Good { value: 1 });
    }

    #[test]
    fn one_fast_read_among_slow_ones_is_no_cure() {
        let rule = Rule {
            samples: 3,
            ..rule()
        };
        let series = series(&[90, 90, 90, 1, 90, 80]);
        assert_eq!(Proof::of(&rule, &series, at(3)), Proof::Bad { value: 80 });
    }

    #[test]
    fn between_the_limits_is_not_cured() {
        let rule = Rule {
            samples: 1,
            ..rule()
        };
        assert_eq!(
            Proof::of(&rule, &series(&[20]), at(0)),
            Proof::Bad { value: 20 }
        );
        assert_eq!(
            Proof::of(&rule, &series(&[19]), at(0)),
            Proof::Good { value: 19 }
        );
    }

    #[test]
    fn a_signal_that_went_away_is_no_cure() {
        let mut series = series(&[1, 1, 1]);
        series.add(at(9), Reading::Unreadable("gone".into()));
        let proof = Proof::of(
            &Rule {
                samples: 1,
                ..rule()
            },
            &series,
            at(0),
        );
        assert_eq!(proof, Proof::Unreadable("gone".to_owned()));
    }

    #[test]
    fn a_proof_is_awaited_as_long_as_the_controller_waits() {
        for (signal, samples, limit) in [
            (Signal::MemoryStatReadCpu, 10, 1_800),
            (Signal::SoftirqDelay, 30, 31 * 72),
            (Signal::ZombieMemcgGrowth, 10, 1_800),
            (Signal::ZombieMemcgGrowth, 30, 600 + 31 * 72),
        ] {
            let rule = Rule {
                signal,
                samples,
                ..rule()
            };
            let awaited = [limit - 1, limit].map(|after| is_awaited(&rule, at(7), at(7 + after)));
            assert_eq!(awaited, [true, false], "{signal}, {samples}");
        }
    }
}
