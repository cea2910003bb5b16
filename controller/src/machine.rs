//! What this process takes from the machine that it runs on: time, chance, and tasks
//! beside each other. With the feature `simulation` another machine stands in for it,
//! so that the same code runs in a world that is played.

use std::time::Duration;

use jiff::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use rustix::time::{ClockId, clock_gettime};
use tokio::task::JoinHandle;

#[cfg(feature = "simulation")]
mod played;
#[cfg(feature = "simulation")]
pub use played::{Machine, on};

/// The wall clock, which may be wrong and may jump.
#[must_use]
pub fn now() -> Timestamp {
    #[cfg(feature = "simulation")]
    if let Some(now) = played::with(|machine| machine.now()) {
        return now;
    }
    Timestamp::now()
}

/// The time since this machine booted, sleep counted in.
///
/// Not `std::time::Instant`: on Linux that is CLOCK_MONOTONIC, which stands still
/// while the machine is suspended. A leader that slept for an hour would believe
/// that its lease has hours of its own.
#[must_use]
pub fn uptime() -> Duration {
    #[cfg(feature = "simulation")]
    if let Some(uptime) = played::with(|machine| machine.uptime()) {
        return uptime;
    }
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanos)
}

/// A random number; without the kernel's, the time and the process make one.
#[must_use]
pub fn random() -> u64 {
    #[cfg(feature = "simulation")]
    if let Some(random) = played::with(|machine| machine.random()) {
        return random;
    }
    let mut bytes = [0; 8];
    if SystemRandom::new().fill(&mut bytes).is_err() {
        let time = uptime().as_nanos().to_le_bytes();
        let process = u64::from(std::process::id());
        bytes.copy_from_slice(&time[..8]);
        return u64::from_le_bytes(bytes) ^ process.rotate_left(40);
    }
    u64::from_le_bytes(bytes)
}

/// Goes on with `task` beside the caller, in the same process.
pub fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    #[cfg(feature = "simulation")]
    if let Some(machine) = played::current() {
        return played::spawn(&machine, task);
    }
    tokio::spawn(task)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_is_the_kernels_boot_time() {
        let told = || {
            let text = std::fs::read_to_string("/proc/uptime").unwrap();
            let first = text.split(' ').next().unwrap().to_owned();
            Duration::from_secs_f64(first.parse().unwrap())
        };
        // The kernel cuts its number off at hundredths.
        let (before, now) = (told(), uptime());
        assert!(before <= now, "{before:?} {now:?}");
        assert!(now <= told() + Duration::from_millis(10));
    }
}
