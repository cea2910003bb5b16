//! The signals that the probe gives, and how their samples are summed up. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;
use std::time::Duration;

use crate::pace::Mode;
use crate::text;

/// A signal, by its name in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// CPU time of one read of the root's `memory.stat`.
    MemoryStatReadCpu,
    /// Latency of the same read that is the kernel's own: CPU time and time
    /// blocked on locks, without the probe's wait for a CPU.
    MemoryStatReadWall,
    /// Memory cgroups that were removed but are still held.
    ZombieMemcgs,
    /// How fast they become more, over at most the last hour.
    ZombieMemcgGrowth,
    /// The longest that a `ksoftirqd` thread waited for its CPU within a second.
    SoftirqDelay,
    /// Times that a CPU ran out of its budget for received packets.
    SoftnetSqueeze,
    /// Packets dropped at a full backlog.
    SoftnetDrop,
    /// The time in which some task waited for memory.
    MemoryPressure,
    /// The time that interrupts took from tasks.
    IrqPressure,
    /// The time that the hypervisor gave to others.
    CpuSteal,
}

/// What a signal's values count. Values are whole numbers of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Nanoseconds,
    /// A number of objects.
    Count,
    /// Events per hour.
    PerHour,
    /// Hundredths of a percent.
    Ratio,
}

impl Signal {
    /// Every signal, in the order of [`Signal::index`].
    pub const ALL: [Self; 10] = [
        Self::MemoryStatReadCpu,
        Self::MemoryStatReadWall,
        Self::ZombieMemcgs,
        Self::ZombieMemcgGrowth,
        Self::SoftirqDelay,
        Self::SoftnetSqueeze,
        Self::SoftnetDrop,
        Self::MemoryPressure,
        Self::IrqPressure,
        Self::CpuSteal,
    ];

    /// The position in [`Signal::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MemoryStatReadCpu => "MemoryStatReadCPU",
            Self::MemoryStatReadWall => "MemoryStatReadWall",
            Self::ZombieMemcgs => "ZombieMemcgs",
            Self::ZombieMemcgGrowth => "ZombieMemcgGrowth",
            Self::SoftirqDelay => "SoftirqDelay",
            Self::SoftnetSqueeze => "SoftnetSqueeze",
            Self::SoftnetDrop => "SoftnetDrop",
            Self::MemoryPressure => "MemoryPressure",
            Self::IrqPressure => "IRQPressure",
            Self::CpuSteal => "CPUSteal",
        }
    }

    /// What its values count.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::MemoryStatReadCpu | Self::MemoryStatReadWall | Self::SoftirqDelay => {
                Unit::Nanoseconds
            }
            Self::ZombieMemcgs => Unit::Count,
            Self::ZombieMemcgGrowth | Self::SoftnetSqueeze | Self::SoftnetDrop => Unit::PerHour,
            Self::MemoryPressure | Self::IrqPressure | Self::CpuSteal => Unit::Ratio,
        }
    }

    /// Whether each of its samples is of a window of time, which has its length
    /// however often is looked.
    #[must_use]
    pub const fn has_window(self) -> bool {
        match self {
            Self::SoftirqDelay
            | Self::SoftnetSqueeze
            | Self::SoftnetDrop
            | Self::MemoryPressure
            | Self::IrqPressure
            | Self::CpuSteal => true,
            Self::MemoryStatReadCpu
            | Self::MemoryStatReadWall
            | Self::ZombieMemcgs
            | Self::ZombieMemcgGrowth => false,
        }
    }

    /// Whether looking more often tells more of it, sooner.
    #[must_use]
    pub const fn can_be_hurried(self) -> bool {
        !self.has_window() && !matches!(self, Self::ZombieMemcgGrowth)
    }

    /// The mode in which its samples come as soon as each tells something new.
    #[must_use]
    pub const fn mode(self) -> Mode {
        if self.can_be_hurried() {
            Mode::Fast
        } else {
            Mode::Windows
        }
    }

    /// The signal of this name in the API, if the probe gives it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|signal| signal.name() == name)
    }
}

impl Unit {
    /// A value as people read it.
    #[must_use]
    pub fn show(self, value: u64) -> String {
        match self {
            Self::Nanoseconds => text::duration(Duration::from_nanos(value)),
            Self::Count => text::count(value),
            Self::PerHour => format!("{}/h", text::count(value)),
            Self::Ratio => format!("{}.{:02}%", value / 100, value % 100),
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How several samples become one value, by its name in the API.
///
/// Percentiles are nearest-rank: one of the samples, the least that at least
/// the named share does not exceed. Of an even number of samples `P50` is thus
/// the lower of the two in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statistic {
    /// The least.
    Min,
    /// Half of them are not above it.
    P50,
    /// Nine in ten are not above it.
    P90,
    /// The greatest.
    Max,
}

impl Statistic {
    /// Every statistic, from the least to the greatest.
    pub const ALL: [Self; 4] = [Self::Min, Self::P50, Self::P90, Self::Max];

    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Min => "Min",
            Self::P50 => "P50",
            Self::P90 => "P90",
            Self::Max => "Max",
        }
    }

    /// The statistic of this name in the API.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|statistic| statistic.name() == name)
    }

    /// Its value among `sorted`, ascending; `None` if there are none.
    #[must_use]
    pub fn of(self, sorted: &[u64]) -> Option<u64> {
        let rank = match self {
            Self::Min => 1,
            Self::P50 => sorted.len().div_ceil(2),
            Self::P90 => (sorted.len() * 9).div_ceil(10),
            Self::Max => sorted.len(),
        };
        sorted.get(rank.checked_sub(1)?).copied()
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let ten: Vec<u64> = (1..=10).collect();
        let of = |samples: &[u64]| Statistic::ALL.map(|statistic| statistic.of(samples));
        assert_eq!(of(&ten), [Some(1), Some(5), Some(9), Some(10)]);
        assert_eq!(of(&ten[..5]), [Some(1), Some(3), Some(5), Some(5)]);
        assert_eq!(of(&[7]), [Some(7); 4]);
        assert_eq!(of(&[]), [None; 4]);
    }

    #[test]
    fn names_lead_back() {
        for signal in Signal::ALL {
            assert_eq!(Signal::from_name(signal.name()), Some(signal));
            assert_eq!(Signal::ALL[signal.index()], signal);
        }
        for statistic in Statistic::ALL {
            assert_eq!(Statistic::from_name(statistic.name()), Some(statistic));
        }
        assert_eq!(Signal::from_name("memorystatreadcpu"), None);
    }

    #[test]
    fn values_are_shown_in_their_unit() {
        let shown = |signal: Signal, value| signal.unit().show(value);
        assert_eq!(shown(Signal::SoftirqDelay, 95_000_000), "95 ms");
        assert_eq!(shown(Signal::ZombieMemcgs, 48_211), "48,211");
        assert_eq!(shown(Signal::ZombieMemcgGrowth, 1_200), "1,200/h");
        assert_eq!(shown(Signal::CpuSteal, 1_005), "10.05%");
    }
}
