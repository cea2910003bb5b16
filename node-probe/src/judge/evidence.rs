//! The numbers behind a verdict. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use super::history::Summary;
use super::nature::{Nature, nature};
use super::series::Series;
use super::signal::Signal;
use super::slope::Slope;
use super::users::User;
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
    /// How fast they become more, per hour.
    pub growth: Option<u64>,
    /// The longest that softirq threads waited for a CPU lately, in nanoseconds.
    pub softirq_delay: Option<u64>,
    /// What a slow read took when repeated at once, in nanoseconds, and its share
    /// of the first read in percent: medians, where there are enough.
    pub repeated: Option<(u64, u64)>,
    /// What each thousand zombies cost a read on this node, where it was learned.
    pub slope: Option<Slope>,
    /// The processes whose system time rose with the reads.
    pub users: Vec<User>,
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
            growth: fresh(of(Signal::ZombieMemcgGrowth), 1, now).map(|rates| rates.max),
            softirq_delay: fresh(of(Signal::SoftirqDelay), reads, now).map(|waits| waits.max),
            repeated: None,
            slope: None,
            users: Vec::new(),
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

    /// What kind of stall the slow reads are.
    #[must_use]
    pub fn nature(&self) -> Nature {
        nature(self.repeated.map(|(_, share)| share), self.root_to_leaf())
    }
}

fn fresh(series: &Series, count: usize, now: MonotonicTime) -> Option<Summary> {
    if series.history().is_stale(now) {
        return None;
    }
    series.history().summary(count)
}
