//! The signals that a probe measures.

use crate::string_enum::string_enum;
use crate::units::{Quantity, Unit};

string_enum! {
    /// What a probe measures on its node. Names are fixed; each has one unit.
    pub enum SignalName {
        /// CPU time of one read of the root memory cgroup's `memory.stat` (duration).
        MemoryStatReadCPU,
        /// Elapsed time of the same read, without the probe's own wait for a CPU (duration).
        MemoryStatReadWall,
        /// Memory cgroups that were removed but are still held by the kernel (count).
        ZombieMemcgs,
        /// How fast zombie memory cgroups become more (count per hour).
        ZombieMemcgGrowth,
        /// Longest wait of a `ksoftirqd` thread for its CPU within one second (duration).
        SoftirqDelay,
        /// Times a CPU ran out of its budget for received packets (count per hour).
        SoftnetSqueeze,
        /// Packets dropped because a CPU's backlog was full (count per hour).
        SoftnetDrop,
        /// Longest stall seen by packets sent to this node from its peers (duration).
        NetworkStall,
        /// Share of the time in which some task waited for memory (ratio).
        MemoryPressure,
        /// Share of the time in which interrupts held up tasks (ratio).
        IRQPressure,
        /// Share of the time in which the hypervisor ran something else (ratio).
        CPUSteal,
    }
}

string_enum! {
    /// How several samples become one number.
    pub enum Statistic = P50 {
        /// The smallest sample: says that every read is slow, as when the kernel walks zombies on each.
        Min,
        /// The median.
        P50,
        /// The value that 9 of 10 samples do not exceed: says that some reads are slow, as with lock contention.
        P90,
        /// The largest sample.
        Max,
    }
}

impl SignalName {
    /// The unit that thresholds of this signal must have.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::MemoryStatReadCPU
            | Self::MemoryStatReadWall
            | Self::SoftirqDelay
            | Self::NetworkStall => Unit::Duration,
            Self::ZombieMemcgs => Unit::Count,
            Self::ZombieMemcgGrowth | Self::SoftnetSqueeze | Self::SoftnetDrop => Unit::PerHour,
            Self::MemoryPressure | Self::IRQPressure | Self::CPUSteal => Unit::Ratio,
        }
    }

    /// The level from which the signal counts as elevated where no policy
    /// gives a threshold: in `corroboratedBy` and in the verdict for people.
    ///
    /// The read time is the "degraded" level of the reference on memory
    /// cgroups (healthy reads take 1-2 ms). A network or softirq delay of
    /// 20 ms is two packets at the probe's spacing of 10 ms: one may be
    /// chance. The others are choices, for a corroborator only has to tell a
    /// busy node from an idle one.
    #[must_use]
    pub const fn elevated(self) -> Quantity {
        match self {
            Self::MemoryStatReadCPU
            | Self::MemoryStatReadWall
            | Self::SoftirqDelay
            | Self::NetworkStall => Quantity::Duration { micros: 20_000 },
            Self::ZombieMemcgs => Quantity::Count(10_000),
            Self::ZombieMemcgGrowth => Quantity::PerHour(1_000),
            Self::SoftnetSqueeze => Quantity::PerHour(600),
            Self::SoftnetDrop => Quantity::PerHour(60),
            Self::MemoryPressure => Quantity::Ratio { hundredths: 1_000 },
            Self::IRQPressure | Self::CPUSteal => Quantity::Ratio { hundredths: 500 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_elevated_level_has_the_unit_of_its_signal() {
        for signal in SignalName::ALL {
            assert_eq!(signal.elevated().unit(), signal.unit(), "{signal}");
            assert!(signal.elevated().number() > 0, "{signal}");
        }
    }

    #[test]
    fn every_unit_is_named_in_the_signals_documentation() {
        let schema = schemars::schema_for!(SignalName);
        let docs = schema.get("title").and_then(|t| t.as_str()).unwrap();
        for (signal, line) in SignalName::ALL.iter().zip(docs.lines()) {
            let unit = match signal.unit() {
                Unit::Duration => "(duration)",
                Unit::Count => "(count)",
                Unit::PerHour => "(count per hour)",
                Unit::Ratio => "(ratio)",
            };
            assert!(
                line.contains(signal.as_str()) && line.contains(unit),
                "{line}"
            );
        }
    }
}
