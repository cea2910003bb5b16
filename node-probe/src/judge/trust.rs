//! Which numbers of an observation can be believed. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::growth::per_hour;
use super::signal::Signal;
use crate::sample::{
    Interference, Observation, ReadTiming, SampleError, Share, Surroundings, Told, ZombieCount,
};

/// A first read of a descriptor that took longer than this is believed: cold
/// caches cost well below a millisecond, and where a read takes seconds the
/// next one is minutes away.
pub const COLD_READ_MAX: Duration = Duration::from_millis(5);

/// Steal beyond this share of a read, one in ten, makes its time doubtful.
const STEAL_SHARE_MAX: u32 = 10;

/// A count that cgroup churn left uncertain by no more than this many is good
/// enough, however small the count.
const CHURN_MAX: u64 = 16;

const NO_RUN_DELAY: &str = "thread-self/schedstat in procfs: not readable, so the probe's own wait \
                            for a CPU cannot be told from the kernel's latency";

/// One signal's part of an observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A value to judge by.
    Trusted(u64),
    /// A value that something disturbed; the next one may be good.
    Untrusted(Distrust),
    /// No value is due: the time that it will be of lasts still. It is no sample, and
    /// none is missing.
    Awaited,
    /// No value, and why.
    Unreadable(Arc<str>),
}

/// What disturbed a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distrust {
    /// The probe ran into its CPU limit.
    Throttled,
    /// The hypervisor gave the CPU to others.
    Steal,
    /// The first read of a new descriptor.
    Cold,
    /// Cgroups came and went during the count.
    Churn,
    /// The kernel counts fewer cgroups than there are directories.
    Inconsistent,
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Throttled => "the probe ran into its CPU limit",
            Self::Steal => "the hypervisor gave the CPU to others",
            Self::Cold => "first read of a new descriptor",
            Self::Churn => "cgroups came and went during the count",
            Self::Inconsistent => "the kernel counts fewer cgroups than there are directories",
        })
    }
}

/// What `observation` says about `signal`.
#[must_use]
pub fn reading(signal: Signal, observation: &Observation) -> Reading {
    match signal {
        Signal::MemoryStatReadCpu => timing(observation, |read| Some(read.on_cpu)),
        Signal::MemoryStatReadWall => timing(observation, ReadTiming::kernel_latency),
        Signal::ZombieMemcgs => match &observation.zombies {
            Ok(count) => zombies(*count),
            // Unlike the other failures this one passes by itself.
            Err(SampleError::Disagree { .. }) => Reading::Untrusted(Distrust::Inconsistent),
            Err(error) => unreadable(error),
        },
        // A series of counts is needed for it: see [`Growth`](super::growth::Growth).
        Signal::ZombieMemcgGrowth => Reading::Awaited,
        Signal::SoftirqDelay
        | Signal::SoftnetSqueeze
        | Signal::SoftnetDrop
        | Signal::MemoryPressure
        | Signal::IrqPressure
        | Signal::CpuSteal => surrounding(signal, &observation.surroundings),
    }
}

/// What `around` says about `signal`, if that is what it tells of.
#[must_use]
pub fn surrounding(signal: Signal, around: &Surroundings) -> Reading {
    match signal {
        Signal::MemoryStatReadCpu
        | Signal::MemoryStatReadWall
        | Signal::ZombieMemcgs
        | Signal::ZombieMemcgGrowth => Reading::Awaited,
        Signal::SoftirqDelay => told(&around.softirq_delay, |delay| nanos(*delay)),
        Signal::SoftnetSqueeze => told(&around.softnet, |rise| per_hour(rise.squeezed, rise.over)),
        Signal::SoftnetDrop => told(&around.softnet, |rise| per_hour(rise.dropped, rise.over)),
        Signal::MemoryPressure => told(&around.memory_pressure, hundredths),
        Signal::IrqPressure => told(&around.irq_pressure, hundredths),
        Signal::CpuSteal => told(&around.steal, hundredths),
    }
}

fn told<T>(told: &Told<T>, value: impl Fn(&T) -> u64) -> Reading {
    match told {
        Ok(Some(what)) => Reading::Trusted(value(what)),
        Ok(None) => Reading::Awaited,
        Err(why) => Reading::Unreadable(Arc::clone(why)),
    }
}

fn unreadable(error: &SampleError) -> Reading {
    Reading::Unreadable(error.to_string().into())
}

/// Hundredths of a percent, rounded up: what took time never shows as none.
fn hundredths(share: &Share) -> u64 {
    let whole = u128::from(share.whole).max(1);
    let part = (u128::from(share.part) * 10_000).div_ceil(whole);
    u64::try_from(part).unwrap_or(u64::MAX)
}

/// What `observation` says about the CPU time of the leaf's read, the control.
#[must_use]
pub fn leaf_reading(observation: &Observation) -> Reading {
    match &observation.leaf {
        // What takes microseconds is met by a clock tick of steal in none but a long
        // read's company.
        Ok(read) => doubt(bracket(observation), observation.interference)
            .map_or_else(|| Reading::Trusted(nanos(read.on_cpu)), Reading::Untrusted),
        Err(error) => unreadable(error),
    }
}

fn timing(observation: &Observation, value: impl Fn(&ReadTiming) -> Option<Duration>) -> Reading {
    let read = match &observation.root {
        Ok(read) => read,
        Err(error) => return unreadable(error),
    };
    if observation.is_cold && read.on_cpu < COLD_READ_MAX {
        return Reading::Untrusted(Distrust::Cold);
    }
    if let Some(distrust) = doubt(read.wall, observation.interference) {
        return Reading::Untrusted(distrust);
    }
    match value(read) {
        Some(value) => Reading::Trusted(nanos(value)),
        None => Reading::Unreadable(NO_RUN_DELAY.into()),
    }
}

/// The time that the interference is of: all timed reads, in a row.
fn bracket(observation: &Observation) -> Duration {
    let reads = [
        observation.root.as_ref().ok(),
        observation.again.as_ref(),
        observation.leaf.as_ref().ok(),
    ];
    reads.into_iter().flatten().map(|read| read.wall).sum()
}

/// Whether what took `wall` is to be doubted. Inputs that are not known raise no doubt: on-CPU time includes neither
/// throttling nor, on most kernels, steal.
fn doubt(wall: Duration, interference: Interference) -> Option<Distrust> {
    if interference.throttled.is_some_and(|times| times > 0) {
        return Some(Distrust::Throttled);
    }
    let is_stolen = interference
        .steal
        .is_some_and(|steal| steal > wall / STEAL_SHARE_MAX);
    is_stolen.then_some(Distrust::Steal)
}

/// The lower bound, if the interval is narrow: up to 16, or 5 % of the count.
fn zombies(count: ZombieCount) -> Reading {
    let width = count.high.saturating_sub(count.low);
    if width <= CHURN_MAX.max(count.high / 20) {
        Reading::Trusted(count.low)
    } else {
        Reading::Untrusted(Distrust::Churn)
    }
}

/// In whole nanoseconds, up to 584 years.
#[must_use]
pub fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::testing::{observation, read};
    use crate::sample::SoftnetRise;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn cpu(observation: &Observation) -> Reading {
        reading(Signal::MemoryStatReadCpu, observation)
    }

    #[test]
    fn an_undisturbed_sample_is_trusted() {
        let seen = observation(0, MS(80));
        assert_eq!(cpu(&seen), Reading::Trusted(80_000_000));
        assert_eq!(
            reading(Signal::ZombieMemcgs, &seen),
            Reading::Trusted(1_000)
        );
        assert_eq!(leaf_reading(&seen), Reading::Trusted(5_000));
    }

    #[test]
    fn a_throttled_sample_is_not_and_neither_is_its_control() {
        let mut seen = observation(0, MS(80));
        seen.interference.throttled = Some(1);
        assert_eq!(cpu(&seen), Reading::Untrusted(Distrust::Throttled));
        assert_eq!(leaf_reading(&seen), Reading::Untrusted(Distrust::Throttled));
    }

    #[test]
    fn steal_counts_by_its_share_of_the_read() {
        let mut seen = observation(0, MS(80));
        seen.interference.steal = Some(MS(10));
        assert_eq!(cpu(&seen), Reading::Untrusted(Distrust::Steal));
        seen.root = Ok(read(MS(100)));
        assert_eq!(cpu(&seen), Reading::Trusted(100_000_000));
    }

    #[test]
    fn a_tick_of_steal_within_long_reads_leaves_their_control_alone() {
        let mut seen = observation(0, MS(60));
        seen.interference.steal = Some(MS(10));
        assert_eq!(leaf_reading(&seen), Reading::Untrusted(Distrust::Steal));
        seen.again = Some(read(MS(60)));
        assert_eq!(leaf_reading(&seen), Reading::Trusted(5_000));
        // It may all have been in the root's own read.
        assert_eq!(cpu(&seen), Reading::Untrusted(Distrust::Steal));
    }

    #[test]
    fn a_cold_read_is_believed_only_when_it_is_slow() {
        let mut seen = observation(0, Duration::from_micros(60));
        seen.is_cold = true;
        assert_eq!(cpu(&seen), Reading::Untrusted(Distrust::Cold));
        seen.root = Ok(read(MS(3_000)));
        assert_eq!(cpu(&seen), Reading::Trusted(3_000_000_000));
    }

    #[test]
    fn latency_needs_the_scheduling_statistics_and_cpu_time_does_not() {
        let mut seen = observation(0, MS(80));
        seen.root = Ok(ReadTiming {
            run_delay: None,
            ..read(MS(80))
        });
        assert_eq!(cpu(&seen), Reading::Trusted(80_000_000));
        let latency = reading(Signal::MemoryStatReadWall, &seen);
        assert!(matches!(latency, Reading::Unreadable(_)), "{latency:?}");
    }

    #[test]
    fn latency_leaves_out_the_wait_for_a_cpu() {
        let mut seen = observation(0, MS(80));
        let timing = ReadTiming {
            on_cpu: MS(2),
            wall: MS(300),
            run_delay: Some(MS(290)),
        };
        seen.root = Ok(timing);
        assert_eq!(
            reading(Signal::MemoryStatReadWall, &seen),
            Reading::Trusted(10_000_000)
        );
    }

    #[test]
    fn a_wide_count_is_not_trusted_and_a_narrow_one_gives_its_lower_bound() {
        let mut seen = observation(0, MS(1));
        let cases = [
            (5, 21, Reading::Trusted(5)),
            (5, 22, Reading::Untrusted(Distrust::Churn)),
            (9_500, 10_000, Reading::Trusted(9_500)),
            (9_499, 10_000, Reading::Untrusted(Distrust::Churn)),
        ];
        for (low, high, expected) in cases {
            seen.zombies = Ok(ZombieCount { low, high });
            assert_eq!(
                reading(Signal::ZombieMemcgs, &seen),
                expected,
                "{low}..{high}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_unreadable_and_never_zero() {
        let mut seen = observation(0, MS(1));
        let missing = SampleError::MissingRow {
            path: "/proc/cgroups".into(),
            row: "memory",
            hint: "not told",
        };
        seen.zombies = Err(missing);
        let text = "/proc/cgroups: no row memory: not told".to_owned();
        assert_eq!(
            reading(Signal::ZombieMemcgs, &seen),
            Reading::Unreadable(text.into())
        );
    }

    #[test]
    fn what_the_node_goes_through_is_in_the_unit_of_its_signal() {
        let mut seen = observation(0, MS(1));
        seen.surroundings.softirq_delay = Ok(Some(MS(95)));
        seen.surroundings.softnet = Ok(Some(SoftnetRise {
            squeezed: 2,
            dropped: 1,
            over: Duration::from_secs(60),
        }));
        seen.surroundings.memory_pressure = Ok(Some(Share { part: 1, whole: 3 }));
        seen.surroundings.irq_pressure = Err("no row full".into());
        let of = |signal| reading(signal, &seen);
        assert_eq!(of(Signal::SoftirqDelay), Reading::Trusted(95_000_000));
        assert_eq!(of(Signal::SoftnetSqueeze), Reading::Trusted(120));
        assert_eq!(of(Signal::SoftnetDrop), Reading::Trusted(60));
        assert_eq!(of(Signal::MemoryPressure), Reading::Trusted(3_334));
        assert_eq!(
            of(Signal::IrqPressure),
            Reading::Unreadable("no row full".into())
        );
        assert_eq!(of(Signal::CpuSteal), Reading::Awaited);
    }
}
