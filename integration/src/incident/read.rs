//! Timed reads of the root's `memory.stat`, as a person or a test wants to see them.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use super::{Hierarchy, IncidentError};

/// Below 16 KiB the kernel may format the file twice.
const BUFFER: usize = 64 * 1024;

/// The on-CPU times of some reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reads {
    in_order: Vec<Duration>,
    sorted: Vec<Duration>,
}

impl Reads {
    /// From the times in the order of the reads; `None` from no reads at all.
    fn new(in_order: Vec<Duration>) -> Option<Self> {
        let mut sorted = in_order.clone();
        sorted.sort_unstable();
        (!sorted.is_empty()).then_some(Self { in_order, sorted })
    }

    /// Every read, in order.
    #[must_use]
    pub fn in_order(&self) -> &[Duration] {
        &self.in_order
    }

    /// The median: at least half of the reads took no longer.
    #[must_use]
    pub fn p50(&self) -> Duration {
        self.sorted[(self.sorted.len() - 1) / 2]
    }

    /// The fastest read.
    #[must_use]
    pub fn min(&self) -> Duration {
        self.sorted[0]
    }

    /// The slowest read.
    #[must_use]
    pub fn max(&self) -> Duration {
        self.sorted[self.sorted.len() - 1]
    }
}

/// Reads the root's `memory.stat` `reads` times (at least once), each `spacing` after the last one,
/// and gives the time that each took on the CPU (`CLOCK_THREAD_CPUTIME_ID`): waiting for a CPU does
/// not count. With a spacing shorter than the pulse some reads come when nothing has changed, and
/// are fast.
///
/// # Errors
/// [`IncidentError::NoHierarchy`] or [`IncidentError::Io`].
pub fn time_root(reads: u32, spacing: Duration) -> Result<Reads, IncidentError> {
    let path = Hierarchy::find()?.memory_stat();
    let failed = || IncidentError::io("cannot read", &path);
    let file = File::open(&path).map_err(failed())?;
    let mut buffer = vec![0; BUFFER];
    // The first read after opening is cold, and says nothing of the incident.
    file.read_at(&mut buffer, 0).map_err(failed())?;
    let mut times = Vec::new();
    for _ in 0..reads.max(1) {
        std::thread::sleep(spacing);
        let before = on_cpu().map_err(failed())?;
        file.read_at(&mut buffer, 0).map_err(failed())?;
        times.push(on_cpu().map_err(failed())?.saturating_sub(before));
    }
    Reads::new(times).ok_or_else(|| failed()(std::io::ErrorKind::InvalidInput.into()))
}

/// The other processes that keep the root's `memory.stat` open. A read just after one of theirs
/// finds nothing to flush and is fast: a busy reader hides an incident from all others. Processes
/// that end meanwhile, or may not be looked at, are left out.
///
/// # Errors
/// [`IncidentError::NoHierarchy`] or [`IncidentError::Io`].
pub fn other_readers() -> Result<Vec<u32>, IncidentError> {
    let path = Hierarchy::find()?.memory_stat();
    let processes = fs::read_dir("/proc").map_err(IncidentError::io("cannot list", "/proc"))?;
    let mut readers: Vec<u32> = processes
        .flatten()
        .filter_map(|process| process.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != std::process::id() && has_open(*pid, &path))
        .collect();
    readers.sort_unstable();
    Ok(readers)
}

fn has_open(pid: u32, path: &Path) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    files
        .flatten()
        .any(|file| fs::read_link(file.path()).is_ok_and(|target| target == path))
}

fn on_cpu() -> std::io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_of_reads() {
        let ms = Duration::from_millis;
        let reads = Reads::new(vec![ms(9), ms(1), ms(5), ms(7)]).unwrap();
        assert_eq!(
            (reads.min(), reads.p50(), reads.max()),
            (ms(1), ms(5), ms(9))
        );
        assert_eq!(reads.in_order()[0], ms(9));
        assert_eq!(Reads::new(vec![ms(3)]).unwrap().p50(), ms(3));
        assert_eq!(Reads::new(Vec::new()), None);
    }
}
