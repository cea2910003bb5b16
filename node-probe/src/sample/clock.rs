//! The two clocks of a measurement.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::time::MonotonicTime;

/// `CLOCK_MONOTONIC` now.
#[must_use]
pub fn monotonic() -> MonotonicTime {
    MonotonicTime::from_boot(read(ClockId::CLOCK_MONOTONIC))
}

/// How long the machine has been suspended since boot, all in all: what
/// `CLOCK_BOOTTIME` counts and `CLOCK_MONOTONIC` does not. Two clocks cannot be
/// read at once, so it may differ from call to call by microseconds.
#[must_use]
pub fn suspended() -> Duration {
    let monotonic = read(ClockId::CLOCK_MONOTONIC);
    read(ClockId::CLOCK_BOOTTIME).saturating_sub(monotonic)
}

/// The CPU time that the calling thread has used, user and system together.
///
/// It advances neither while the thread waits for a CPU nor while it is
/// throttled, which is why a read's cost is taken from it.
#[must_use]
pub fn thread_cpu() -> Duration {
    read(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// Both clocks are in every kernel since 2.6.12 and their only errors are an
/// unknown clock and a bad pointer. Zero would then make differences zero,
/// which a timed read reports as malformed.
fn read(clock: ClockId) -> Duration {
    clock_gettime(clock).map_or(Duration::ZERO, Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_advance_with_work() {
        let (mono, cpu) = (monotonic(), thread_cpu());
        let mut sum = 0u64;
        while monotonic().since(mono) < Duration::from_millis(5) {
            sum = sum.wrapping_add(1);
        }
        assert!(sum > 0);
        assert!(thread_cpu() > cpu);
    }
}
