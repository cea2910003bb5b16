//! What kind of stall slow reads are. (pure)
//!
//! Told by behaviour: whether a read repeated at once is slow again, and whether
//! a leaf's read is fast. The kernel's version is not asked, for distributions
//! carry fixes back.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::VecDeque;
use std::fmt;

use super::history::GAP_MAX;
use crate::sample::{CALM, SLOW_READ};
use crate::time::MonotonicTime;

/// Repeated reads kept.
const KEPT: usize = 8;
/// Fewer say nothing.
const PAIRS_MIN: usize = 3;
/// A repeated read that takes at least this share of the first, in percent, had
/// the same work to do.
const SAME_WORK: u64 = 70;
/// One that takes at most this share found the work done.
const WORK_DONE: u64 = 30;
/// The root's read must take this many times a leaf's, or the machine is slow at
/// everything (`kernel.md` section 4).
const ROOT_TO_LEAF: u64 = 10;

/// What kind of stall it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Structural: each read walks the cgroup tree, the dead in it included.
    Walk,
    /// Reads pay for statistics that changed since they were last flushed.
    Contention,
    /// Neither is shown.
    Undetermined,
}

impl Nature {
    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Walk => "Walk",
            Self::Contention => "Contention",
            Self::Undetermined => "Undetermined",
        }
    }
}

impl fmt::Display for Nature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The last slow reads that were repeated at once.
#[derive(Clone, Debug)]
pub struct Pairs {
    /// What the repeated read took, in nanoseconds, and what share of the first
    /// that is, in percent.
    kept: VecDeque<(MonotonicTime, u64, u64)>,
    fast_since: u32,
}

impl Default for Pairs {
    fn default() -> Self {
        Self {
            kept: VecDeque::with_capacity(KEPT),
            fast_since: 0,
        }
    }
}

impl Pairs {
    /// Takes in a read of `at` that took `first` nanoseconds of CPU and then, if
    /// it was repeated at once, `second`.
    pub fn add(&mut self, at: MonotonicTime, first: u64, second: Option<u64>) {
        if u128::from(first) < SLOW_READ.as_nanos() {
            self.fast_since = self.fast_since.saturating_add(1);
            if self.fast_since >= CALM {
                self.kept.clear();
            }
            return;
        }
        self.fast_since = 0;
        let Some(second) = second else { return };
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        let share = second.saturating_mul(100) / first.max(1);
        self.kept.push_back((at, second, share));
    }

    /// The median of the repeated reads in nanoseconds, and of their shares of
    /// the first in percent; `None` while there are too few of the last hours.
    #[must_use]
    pub fn median(&self, now: MonotonicTime) -> Option<(u64, u64)> {
        // One slow read in ten is repeated, each up to a gap after the last one.
        let oldest = GAP_MAX * 10;
        let recent = self.kept.iter().filter(|(at, ..)| now.since(*at) <= oldest);
        let mut nanos = [0; KEPT];
        let mut shares = [0; KEPT];
        let mut len = 0;
        for (_, second, share) in recent {
            (nanos[len], shares[len]) = (*second, *share);
            len += 1;
        }
        if len < PAIRS_MIN {
            return None;
        }
        nanos[..len].sort_unstable();
        shares[..len].sort_unstable();
        Some((nanos[(len - 1) / 2], shares[(len - 1) / 2]))
    }
}

/// The nature of slow reads of which a repeated one takes `share` percent (see
/// [`Pairs::median`]) and that take `root_to_leaf` times a leaf's.
///
/// A walk needs the control: without a leaf to compare with it is not shown.
#[must_use]
pub fn nature(share: Option<u64>, root_to_leaf: Option<u64>) -> Nature {
    match share {
        Some(share) if share <= WORK_DONE => Nature::Contention,
        Some(share) if share >= SAME_WORK && root_to_leaf >= Some(ROOT_TO_LEAF) => Nature::Walk,
        _ => Nature::Undetermined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::testing::at;

    fn pairs(seconds: &[u64]) -> Pairs {
        let mut pairs = Pairs::default();
        for (second, share) in (1..).zip(seconds) {
            pairs.add(at(second), 10_000_000, Some(share * 100_000));
        }
        pairs
    }

    #[test]
    fn as_slow_again_is_a_walk_and_fast_again_is_contention() {
        let walk = pairs(&[98, 101, 97]).median(at(60)).unwrap();
        assert_eq!(walk, (9_800_000, 98));
        assert_eq!(nature(Some(walk.1), Some(400)), Nature::Walk);
        let flushed = pairs(&[0, 1, 0]).median(at(60)).unwrap();
        assert_eq!(nature(Some(flushed.1), Some(2_000)), Nature::Contention);
    }

    #[test]
    fn a_machine_that_is_slow_at_everything_is_no_walk() {
        assert_eq!(nature(Some(100), Some(9)), Nature::Undetermined);
        assert_eq!(nature(Some(100), None), Nature::Undetermined);
        assert_eq!(nature(Some(70), Some(10)), Nature::Walk);
    }

    #[test]
    fn what_lies_between_and_too_few_pairs_are_undetermined() {
        assert_eq!(nature(Some(31), Some(100)), Nature::Undetermined);
        assert_eq!(nature(Some(69), Some(100)), Nature::Undetermined);
        assert_eq!(nature(None, Some(100)), Nature::Undetermined);
        assert_eq!(pairs(&[100, 100]).median(at(60)), None);
    }

    #[test]
    fn one_odd_pair_does_not_decide_and_old_ones_do_not_count() {
        let (_, share) = pairs(&[99, 2, 98, 97]).median(at(60)).unwrap();
        assert_eq!(share, 97);
        let late = at(3).after(GAP_MAX * 10);
        assert!(pairs(&[99, 99, 99]).median(late).is_none());
        let mut cured = pairs(&[99, 99, 99]);
        cured.add(at(9), 10_000_000, None);
        (1..CALM).for_each(|_| cured.add(at(9), 30_000, None));
        assert!(cured.median(at(60)).is_some());
        cured.add(at(9), 30_000, None);
        assert!(cured.median(at(60)).is_none());
        let many: Vec<u64> = (0..20).map(|n| if n < 12 { 1 } else { 99 }).collect();
        assert_eq!(pairs(&many).median(at(60)).unwrap().1, 99);
    }
}
