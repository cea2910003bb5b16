//! The numbers behind a verdict. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use super::history::{GAP_MAX, Summary};
use super::series::Series;
use super::signal::Signal;
use crate::time::MonotonicTime;

/// Verdicts look at this many reads: enough for a median that a few reads just
/// after somebody else's do not move.
pub const READS: usize = 10;

/// The zombie count is the least of this many: cgroups on their way out count
/// for a moment too.
pub const ZOMBIE_COUNTS: usize = 3;

/// The numbers behind a verdict, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// CPU time of the last reads of the root's `memory.stat`, in nanoseconds.
    pub cpu: Option<Summary>,
    /// Latency of the same reads without the probe's wait for a CPU, in
    /// nanoseconds.
    pub wall: Option<Summary>,
    /// CPU time of the control reads of a leaf's `memory.stat`, in nanoseconds.
    pub leaf: Option<Summary>,
    /// The least of the last counts of zombie memory cgroups.
    pub zombies: Option<u64>,
    /// The signals that gave no value at the last reading, and why.
    pub unreadable: Vec<(Signal, String)>,
}

impl Evidence {
    /// What `signals` (by [`Signal::index`]) and the control `leaf` hold at `now`
    /// in their last `reads` samples; what is older than the longest gap holds
    /// no more.
    #[must_use]
    pub fn gather(
        signals: &[Series; Signal::ALL.len()],
        leaf: &Series,
        reads: usize,
        now: MonotonicTime,
    ) -> Self {
        let of = |signal: Signal| &signals[signal.index()];
        let unreadable = Signal::ALL.into_iter().filter_map(|signal| {
            let why = of(signal).unreadable()?;
            Some((signal, why.to_owned()))
        });
        Self {
            cpu: fresh(of(Signal::MemoryStatReadCpu), reads, now),
            wall: fresh(of(Signal::MemoryStatReadWall), reads, now),
            leaf: fresh(leaf, reads, now),
            zombies: fresh(of(Signal::ZombieMemcgs), ZOMBIE_COUNTS, now).map(|counts| counts.min),
            unreadable: unreadable.collect(),
        }
    }

    /// How many times a leaf's median read the root's takes; `None` unless both
    /// are known and the clock can tell.
    #[must_use]
    pub fn root_to_leaf(&self) -> Option<u64> {
        let (root, leaf) = (self.cpu?.p50, self.leaf?.p50);
        root.saturating_add(leaf / 2).checked_div(leaf)
    }
}

fn fresh(series: &Series, count: usize, now: MonotonicTime) -> Option<Summary> {
    let (newest, _) = series.history().last()?;
    if now.since(newest) > GAP_MAX {
        return None;
    }
    series.history().summary(count)
}
