//! How fast this machine's time stamp counter runs: an emulated one is the same.

use std::arch::x86_64::_rdtsc;
use std::time::{Duration, Instant};

const MEASURED_FOR: Duration = Duration::from_millis(100);

/// Its speed in kHz.
pub fn khz() -> u64 {
    let (from, started) = read();
    std::thread::sleep(MEASURED_FOR);
    let (to, ended) = read();
    let micros = ended.duration_since(started).as_micros();
    let khz = u128::from(to - from) * 1_000 / micros.max(1);
    u64::try_from(khz).unwrap_or(u64::MAX)
}

/// The counter and the time of one moment: the quickest of a few looks is the one
/// that nothing came between.
fn read() -> (u64, Instant) {
    let look = || {
        let before = Instant::now();
        // SAFETY: reads a counter that every x86-64 has.
        let count = unsafe { _rdtsc() };
        (before.elapsed(), count, before)
    };
    let (_, count, at) = (0..16).map(|_| look()).min().unwrap_or_else(look);
    (count, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_measurements_agree() {
        let (first, second) = (khz(), khz());
        assert!(first > 100_000, "{first} kHz");
        assert!(first.abs_diff(second) < first / 1_000, "{first} and {second} kHz");
    }
}
