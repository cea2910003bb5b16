//! One cycle of all measurements.

use std::time::Duration;

use super::again::Again;
use super::background::{Background, Surroundings};
use super::clock;
use super::error::SampleError;
use super::file::{Buffer, KeptFile};
use super::host::Host;
use super::interference::{Interference, InterferenceWatch};
use super::leaf;
use super::processes::{ProcessWatch, Uses};
use super::roots::Roots;
use super::stall::{ReadTiming, Stopwatch, Waited};
use super::zombies::{ZombieCount, ZombieCounter};
use crate::time::MonotonicTime;

/// What one cycle measured. Each part may have failed by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// When the cycle began.
    pub at: MonotonicTime,
    /// The read of the root's `memory.stat`.
    pub root: Result<ReadTiming, SampleError>,
    /// A second read of it at once, where the first was slow and telling a walk
    /// from a flush was worth another one.
    pub again: Option<ReadTiming>,
    /// The read of a leaf's `memory.stat`, right after the root's.
    pub leaf: Result<ReadTiming, SampleError>,
    /// Zombie memory cgroups.
    pub zombies: Result<ZombieCount, SampleError>,
    /// What disturbed the reads.
    pub interference: Interference,
    /// What the node went through, in the cycle that ends a window of it.
    pub surroundings: Surroundings,
    /// Who used system time up to now; `None` when it was not looked at.
    pub processes: Option<Uses>,
    /// How long the machine was suspended since the last cycle.
    pub suspended: Duration,
    /// Whether this was the first read of a new descriptor, whose code and
    /// data the CPU had not cached.
    pub is_cold: bool,
    /// CPU time of the whole cycle: what pacing is based on.
    pub cost: Duration,
}

/// The open files of all measurements.
///
/// It belongs to the thread that made it; see [`Stopwatch`].
#[derive(Debug)]
pub struct Observer {
    roots: Roots,
    host: Host,
    stopwatch: Stopwatch,
    interference: InterferenceWatch,
    root: Result<KeptFile, SampleError>,
    leaf: Result<KeptFile, SampleError>,
    zombies: Result<ZombieCounter, SampleError>,
    background: Background,
    is_cold: bool,
    again: Again,
    processes: ProcessWatch,
    suspended: Duration,
    buffer: Buffer,
}

impl Observer {
    /// Opens everything that can be opened; what cannot is tried again in
    /// every cycle and its error carried by every observation.
    #[must_use]
    pub fn open(roots: Roots) -> Self {
        let mut buffer = Buffer::default();
        let host = Host::discover(&roots, &mut buffer);
        let memory = host.memory.as_ref();
        let root = memory
            .map_err(Clone::clone)
            .and_then(|memory| KeptFile::open(memory.stat()));
        let leaf = memory
            .map_err(Clone::clone)
            .and_then(|found| leaf::open(&roots, found, &mut buffer));
        let zombies = memory
            .map_err(Clone::clone)
            .and_then(|found| ZombieCounter::open(&roots, found));
        Self {
            stopwatch: Stopwatch::of_this_thread(&roots.proc),
            interference: InterferenceWatch::open(&roots, memory.ok(), &mut buffer),
            root,
            leaf,
            zombies,
            background: Background::open(&roots, &mut buffer),
            is_cold: true,
            again: Again::default(),
            processes: ProcessWatch::of(&roots.proc),
            suspended: clock::suspended(),
            buffer,
            host,
            roots,
        }
    }

    /// What is constant for this boot.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The file that serves as the control, if there is one.
    pub fn leaf(&self) -> Result<&std::path::Path, &SampleError> {
        self.leaf.as_ref().map(KeptFile::path)
    }

    /// The inputs of trust that cannot be read, and why.
    pub fn unread_inputs(&self) -> impl Iterator<Item = (&'static str, &SampleError)> {
        let delay = self
            .stopwatch
            .unread()
            .map(|error| ("own wait for a CPU", error));
        delay.into_iter().chain(self.interference.unread())
    }

    /// Measures once: zombies, the root's `memory.stat`, again if it was slow, then
    /// the control.
    ///
    /// The zombies come first because counting them flushes no statistics; the
    /// root comes before the leaf because a leaf's read may flush what the root
    /// would have had to, on some kernels.
    pub fn observe(&mut self) -> Observation {
        let cost_before = clock::thread_cpu();
        let at = clock::monotonic();
        let suspended = clock::suspended();
        let before = std::mem::replace(&mut self.suspended, suspended);
        self.reopen();
        let buffer = &mut self.buffer;
        let zombies = match &self.zombies {
            Ok(counter) => counter.count(buffer),
            Err(error) => Err(error.clone()),
        };
        let look = self.interference.look(buffer);
        let mut waited = Waited::default();
        let mut timed = |file: &Result<KeptFile, SampleError>, buffer: &mut Buffer| match file {
            Ok(file) => self.stopwatch.time_next(file, &mut waited, buffer),
            Err(error) => Err(error.clone()),
        };
        let root = timed(&self.root, buffer);
        let is_again = root
            .as_ref()
            .is_ok_and(|read| self.again.is_due(read.on_cpu));
        let again = is_again.then(|| timed(&self.root, buffer).ok());
        let leaf = timed(&self.leaf, buffer);
        let after = self.interference.look_after(&look, buffer);
        let interference = self.interference.between(&look, &after);
        let surroundings = self.background.observe(at, after.ticks, buffer);
        let is_cold = std::mem::replace(&mut self.is_cold, root.is_err());
        let slow = root.as_ref().map(|read| read.on_cpu);
        let processes = slow.ok().and_then(|read| self.processes.look(at, read));
        self.drop_if_gone(&root, &leaf);
        let cost = clock::thread_cpu().saturating_sub(cost_before);
        Observation {
            at,
            root,
            again: again.flatten(),
            leaf,
            zombies,
            interference,
            surroundings,
            processes,
            suspended: suspended.saturating_sub(before),
            is_cold,
            cost,
        }
    }

    /// From now on what the node goes through is told over `window` at least.
    pub fn set_window(&mut self, window: Duration) {
        self.background.set_window(window);
    }

    /// From now on measures as for a run of seconds: what the node goes through is
    /// told when it ends, by [`Observer::end_window`], and processes, 10 us each, are
    /// looked at only once a read is slow.
    pub fn be_brief(&mut self) {
        self.set_window(Duration::MAX);
        self.processes.be_brief();
    }

    /// What the node went through since the window began, where nobody will measure
    /// again, and when that was told.
    pub fn end_window(&mut self) -> (MonotonicTime, Surroundings) {
        let at = clock::monotonic();
        (at, self.background.end_early(at, &mut self.buffer))
    }

    /// A look between cycles, once a second, at what only frequent looks can
    /// tell. It costs about a microsecond for each CPU of the machine.
    pub fn tick(&mut self) {
        self.background.tick(&mut self.buffer);
    }

    /// Looks again for what was missing: a mount that came late, a leaf instead
    /// of one that is gone.
    fn reopen(&mut self) {
        if self.root.is_err() {
            let old = std::mem::replace(self, Self::open(self.roots.clone()));
            // What has nothing to do with cgroups compares with what it saw before.
            self.background = old.background;
            self.processes = old.processes;
            self.stopwatch = old.stopwatch;
            return;
        }
        let Ok(memory) = &self.host.memory else {
            return;
        };
        if self.zombies.is_err() {
            self.zombies = ZombieCounter::open(&self.roots, memory);
        }
        if self.leaf.is_err() {
            self.leaf = leaf::open(&self.roots, memory, &mut self.buffer);
        }
    }

    /// A removed cgroup's files never answer again: forget them.
    fn drop_if_gone(
        &mut self,
        root: &Result<ReadTiming, SampleError>,
        leaf: &Result<ReadTiming, SampleError>,
    ) {
        if let Err(error) = root
            && KeptFile::is_gone(error)
        {
            self.root = Err(error.clone());
        }
        if let Err(error) = leaf
            && KeptFile::is_gone(error)
        {
            self.leaf = Err(error.clone());
        }
    }
}
