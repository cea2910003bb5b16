//! (pure) How far to go with `memory.reclaim` before the caches are dropped, judged by the zombies
//! after each step.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use serde::{Deserialize, Serialize};

use super::passes::NOISE_FLOOR;

/// What one step asks the kernel to give up: a third of a second of a disk that reads 100 MB/s, if
/// it is all needed again.
pub const STEP_BYTES: u64 = 32 * 1024 * 1024;

/// 2 GiB in all. Zombies that hold more than that are cheaper freed by one drop of the clean page
/// cache than by going on.
const MAX_STEPS: u32 = 64;

/// Steps in a row without a fall of the count. Dead cgroups are freed in the background, 0.5 to
/// 2 s later, which is as long as these take; by then the coldest 256 MiB were not what holds them.
const IDLE_STEPS: u32 = 8;

/// The same where the kernel found less than it was asked for: there is little left to find.
const IDLE_PARTIAL_STEPS: u32 = 2;

/// Why the steps ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepsEnd {
    /// No more zombies than come and go on a healthy node.
    Gone,
    /// The last steps freed none.
    NoFall,
    /// The kernel found nothing more to reclaim, and that freed none.
    NothingLeft,
    /// As much was reclaimed as may be.
    Bound,
    /// Half of the command's time is over; the other half is for dropping.
    OutOfTime,
    /// A step did not return within its time and was killed.
    Hung,
    /// The kernel refused a step, or the zombies could not be counted after it.
    Refused,
    /// The command was ended in the middle.
    Stopped,
}

/// Whether this many zombies are worth any reclaim.
#[must_use]
pub fn are_gone(zombies: u64) -> bool {
    zombies <= NOISE_FLOOR
}

/// The steps so far.
#[derive(Debug, Clone)]
pub struct Steps {
    taken: u32,
    /// The count at the last fall that was more than noise.
    mark: u64,
    last: u64,
    idle: u32,
    idle_partial: u32,
}

impl Steps {
    /// No step yet, and this many zombies.
    #[must_use]
    pub fn new(zombies: u64) -> Self {
        Self {
            taken: 0,
            mark: zombies,
            last: zombies,
            idle: 0,
            idle_partial: 0,
        }
    }

    /// How many were taken.
    #[must_use]
    pub fn taken(&self) -> u32 {
        self.taken
    }

    /// Takes in one more step, after which there are `zombies`. `is_partial`: the kernel did not
    /// find as much as it was asked for.
    pub fn add(&mut self, zombies: u64, is_partial: bool) {
        self.taken += 1;
        self.last = zombies;
        if self.mark.saturating_sub(zombies) > NOISE_FLOOR {
            self.mark = zombies;
            self.idle = 0;
            self.idle_partial = 0;
        } else {
            self.idle += 1;
            self.idle_partial = if is_partial { self.idle_partial + 1 } else { 0 };
        }
    }

    /// Why no further step is taken, or `None` while one is worth it.
    #[must_use]
    pub fn end(&self) -> Option<StepsEnd> {
        if are_gone(self.last) {
            return Some(StepsEnd::Gone);
        }
        if self.idle_partial >= IDLE_PARTIAL_STEPS {
            return Some(StepsEnd::NothingLeft);
        }
        if self.idle >= IDLE_STEPS {
            return Some(StepsEnd::NoFall);
        }
        (self.taken >= MAX_STEPS).then_some(StepsEnd::Bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end after these counts, and how many steps it took.
    fn end(before: u64, counts: impl IntoIterator<Item = u64>, partial: bool) -> (StepsEnd, u32) {
        let mut steps = Steps::new(before);
        for count in counts {
            steps.add(count, partial);
            if let Some(end) = steps.end() {
                return (end, steps.taken());
            }
        }
        panic!("no end after {} steps", steps.taken())
    }

    #[test]
    fn ends_when_the_zombies_are_gone() {
        assert_eq!(end(5_000, [3_000, 900, 64], false), (StepsEnd::Gone, 3));
        assert!(are_gone(64) && !are_gone(65));
    }

    #[test]
    fn a_fall_that_comes_late_is_waited_for() {
        let counts = [5_000; 7].into_iter().chain([2_000]).chain([2_000; 8]);
        assert_eq!(end(5_000, counts, false), (StepsEnd::NoFall, 16));
    }

    #[test]
    fn small_falls_add_up() {
        // Zombies of 1 MiB each: 32 a step are noise, and still they go.
        let counts = (1..=64).map(|step| 5_000 - 32 * step);
        assert_eq!(end(5_000, counts, false), (StepsEnd::Bound, 64));
    }

    #[test]
    fn noise_and_new_zombies_are_no_fall() {
        assert_eq!(
            end(
                5_000,
                [4_990, 4_940, 5_300, 4_960, 4_950, 5_000, 4_999, 4_937],
                false
            ),
            (StepsEnd::NoFall, 8)
        );
    }

    #[test]
    fn a_kernel_that_finds_nothing_more_is_asked_twice() {
        assert_eq!(end(5_000, [5_000, 5_000], true), (StepsEnd::NothingLeft, 2));
        // Seen on 6.12: less than asked for, and thousands freed by it.
        assert_eq!(
            end(5_000, [2_942, 900, 890, 880], true),
            (StepsEnd::NothingLeft, 4)
        );
    }

    #[test]
    fn what_is_reclaimed_is_bounded() {
        assert_eq!(u64::from(MAX_STEPS) * STEP_BYTES, 2 << 30);
        let endless = (0..1_000).map(|step| 1_000_000 - 1_000 * step);
        assert_eq!(end(1_000_000, endless, false), (StepsEnd::Bound, MAX_STEPS));
    }
}
