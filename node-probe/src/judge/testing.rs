//! Builders for the tests of this folder.

use std::time::Duration;

use super::rule::Rule;
use super::signal::{Signal, Statistic};
use crate::sample::{Interference, Observation, ReadTiming, Surroundings, ZombieCount};
use crate::time::MonotonicTime;

/// `seconds` after boot.
pub fn at(seconds: u64) -> MonotonicTime {
    MonotonicTime::from_boot(Duration::from_secs(seconds))
}

/// A read that worked for all the time it took.
pub fn read(on_cpu: Duration) -> ReadTiming {
    ReadTiming {
        on_cpu,
        wall: on_cpu,
        run_delay: Some(Duration::ZERO),
    }
}

/// An undisturbed observation at `seconds` with 1,000 zombies and a leaf read of
/// 5 us.
pub fn observation(seconds: u64, root: Duration) -> Observation {
    Observation {
        at: at(seconds),
        root: Ok(read(root)),
        again: None,
        leaf: Ok(read(Duration::from_micros(5))),
        zombies: Ok(ZombieCount::exactly(1_000)),
        interference: Interference {
            throttled: Some(0),
            steal: Some(Duration::ZERO),
        },
        surroundings: Surroundings::default(),
        processes: None,
        suspended: Duration::ZERO,
        is_cold: false,
        cost: root,
    }
}

/// Fires at once above 50, clears below 20, by the median of 3 samples.
pub fn rule() -> Rule {
    Rule {
        policy: "kernel-stalls".to_owned(),
        name: "memcg-walk".to_owned(),
        signal_hash: "a1".to_owned(),
        signal: Signal::MemoryStatReadCpu,
        statistic: Statistic::P50,
        samples: 3,
        above: 50,
        clear_below: 20,
        hold: Duration::ZERO,
        corroborated_by: Vec::new(),
        not_here: None,
    }
}
