//! When a slow read is read again at once. (pure)
//!
//! A walk over all cgroups is as slow the second time; a flush of statistics
//! that changed is not, for the first read used them up. No other sign tells
//! the two apart on every kernel.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

/// A read from which on a second one is worth its cost: where the built-in level
/// Watch begins.
pub const SLOW_READ: Duration = Duration::from_millis(5);

/// So many slow reads in a row are read again, enough for a median ...
const EACH: u32 = 5;
/// ... and then one in so many: what is known is not worth a second stall.
const THEN_ONE_IN: u32 = 10;

/// After so many fast reads without a slow one what comes is another stall, and
/// what was seen of the last one says nothing about it.
pub const CALM: u32 = 60;

/// Counts the slow reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Again {
    slow: u32,
    fast_since: u32,
}

impl Again {
    /// Whether the read that took `root` of CPU is to be repeated now. A few fast
    /// reads between slow ones change nothing: a contended kernel has both.
    pub fn is_due(&mut self, root: Duration) -> bool {
        if root < SLOW_READ {
            self.fast_since = self.fast_since.saturating_add(1);
            if self.fast_since >= CALM {
                self.slow = 0;
            }
            return false;
        }
        self.fast_since = 0;
        self.slow = self.slow.saturating_add(1);
        self.slow <= EACH || self.slow.is_multiple_of(THEN_ONE_IN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_slow_reads_and_then_one_in_ten_are_repeated() {
        let mut again = Again::default();
        assert!(!again.is_due(Duration::from_micros(4_999)));
        let repeated: Vec<u32> = (1..=30).filter(|_| again.is_due(SLOW_READ)).collect();
        assert_eq!(repeated, [1, 2, 3, 4, 5, 10, 20, 30]);
    }

    #[test]
    fn a_stall_after_a_calm_is_another_one() {
        let mut again = Again::default();
        let fast = Duration::from_micros(30);
        for calm in [CALM - 1, CALM] {
            (0..9).for_each(|_| _ = again.is_due(SLOW_READ));
            (0..calm).for_each(|_| assert!(!again.is_due(fast)));
        }
        assert!(again.is_due(SLOW_READ));
        let mut again = Again::default();
        (0..6).for_each(|_| _ = again.is_due(SLOW_READ));
        (1..CALM).for_each(|_| assert!(!again.is_due(fast)));
        assert!(!again.is_due(SLOW_READ));
    }
}
