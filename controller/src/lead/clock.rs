//! The clock of leadership.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The time since this machine booted, sleep counted in.
///
/// Not `std::time::Instant`: on Linux that is CLOCK_MONOTONIC, which stands still
/// while the machine is suspended. A leader that slept for an hour would believe
/// that its lease has hours of its own.
#[must_use]
pub fn now() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_kernels_boot_time() {
        let uptime = || {
            let text = std::fs::read_to_string("/proc/uptime").unwrap();
            let first = text.split(' ').next().unwrap().to_owned();
            Duration::from_secs_f64(first.parse().unwrap())
        };
        // The kernel cuts its number off at hundredths.
        let (before, now) = (uptime(), now());
        assert!(before <= now, "{before:?} {now:?}");
        assert!(now <= uptime() + Duration::from_millis(10));
    }
}
