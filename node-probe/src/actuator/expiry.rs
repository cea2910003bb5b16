//! When a command is void, by whichever clock says so first: nothing of it begins from then on.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// The end of a command's validity.
#[derive(Debug, Clone, Copy)]
pub struct Expiry {
    /// As the controller wrote it.
    at: Timestamp,
    /// The same by a clock that nobody sets.
    by: Instant,
}

impl Expiry {
    /// The validity that ends at `at`, by the wall clock of now.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self {
            at,
            by: Instant::now() + until(at, Timestamp::now()),
        }
    }

    /// How long the command is valid still.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        let by_clock = self.by.saturating_duration_since(Instant::now());
        by_clock.min(until(self.at, Timestamp::now()))
    }
}

/// From `now` to `at`; zero if that is past.
fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn what_is_past_leaves_no_time() {
        let now = Timestamp::now();
        assert_eq!(until(now, now), Duration::ZERO);
        let past = Expiry::new(now - SignedDuration::from_hours(1));
        assert_eq!(past.time_left(), Duration::ZERO);
        let left = Expiry::new(now + SignedDuration::from_hours(1)).time_left();
        assert!(left > Duration::from_mins(59) && left <= Duration::from_hours(1));
    }

    #[test]
    fn the_clock_that_says_less_counts() {
        let now = Timestamp::now();
        let hour = SignedDuration::from_hours(1);
        // Set forward since, and set back since.
        let ahead = Expiry {
            at: now - hour,
            by: Instant::now() + Duration::from_hours(1),
        };
        assert_eq!(ahead.time_left(), Duration::ZERO);
        let behind = Expiry {
            at: now + hour,
            by: Instant::now(),
        };
        assert_eq!(behind.time_left(), Duration::ZERO);
    }
}
