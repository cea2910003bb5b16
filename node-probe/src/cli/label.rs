//! What people call the signals.

use crate::judge::Signal;

/// A label of at most 25 characters.
pub const fn label(signal: Signal) -> &'static str {
    match signal {
        Signal::MemoryStatReadCpu => "root memory.stat, CPU",
        Signal::MemoryStatReadWall => "root memory.stat, latency",
        Signal::ZombieMemcgs => "zombie memcgs",
        Signal::ZombieMemcgGrowth => "zombie memcgs, growth",
        Signal::SoftirqDelay => "ksoftirqd wait for a CPU",
        Signal::SoftnetSqueeze => "receive budget used up",
        Signal::SoftnetDrop => "packets dropped, backlog",
        Signal::MemoryPressure => "memory pressure",
        Signal::IrqPressure => "interrupt pressure",
        Signal::CpuSteal => "CPU steal",
    }
}
