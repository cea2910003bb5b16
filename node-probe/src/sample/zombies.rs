//! Zombie memory cgroups: removed, but still held by pages or objects that they
//! were charged for.

use std::path::{Path, PathBuf};

use super::directories;
use super::error::SampleError;
use super::file::{Buffer, KeptFile};
use super::host::{Hierarchy, MemoryRoot};
use super::roots::Roots;
use super::rows::Rows;

/// Tries for a count during which no cgroup came or went.
const TRIES: u32 = 3;

/// One count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZombieCount {
    /// There are at least this many.
    pub low: u64,
    /// There are at most this many; more than `low` where cgroups were made or
    /// freed during the count.
    pub high: u64,
}

impl ZombieCount {
    /// A count that nothing disturbed.
    #[must_use]
    pub fn exactly(count: u64) -> Self {
        Self {
            low: count,
            high: count,
        }
    }
}

/// Where the kernel tells of zombies.
#[derive(Debug)]
pub enum ZombieCounter {
    /// Version 1 has no figure: it is the kernel's count of cgroups less the
    /// live ones, both of the memory hierarchy and both with its root.
    V1 {
        /// `/proc/cgroups`.
        cgroups: KeptFile,
        /// The memory hierarchy's root directory.
        root: PathBuf,
    },
    /// Version 2 counts them itself.
    V2 {
        /// The root's `cgroup.stat`.
        stat: KeptFile,
    },
}

impl ZombieCounter {
    /// Opens what the hierarchy of `memory` needs.
    ///
    /// # Errors
    /// [`SampleError::Io`] if it cannot be opened.
    pub fn open(roots: &Roots, memory: &MemoryRoot) -> Result<Self, SampleError> {
        match memory.hierarchy {
            Hierarchy::V1 => Ok(Self::V1 {
                cgroups: KeptFile::open(roots.proc.join("cgroups"))?,
                root: memory.dir.clone(),
            }),
            Hierarchy::V2 => Ok(Self::V2 {
                stat: KeptFile::open(memory.dir.join("cgroup.stat"))?,
            }),
        }
    }

    /// Counts them now. Cgroups that were removed a moment ago and are about to
    /// be freed count too: the least of several counts leaves them out.
    ///
    /// # Errors
    /// [`SampleError`] where this kernel does not tell, and for a text that is
    /// not what it prints: never a zero for what is not known.
    pub fn count(&self, buffer: &mut Buffer) -> Result<ZombieCount, SampleError> {
        match self {
            Self::V1 { cgroups, root } => live_subtracted(cgroups, root, buffer),
            Self::V2 { stat } => dying(stat, buffer),
        }
    }
}

/// Reads the total, walks, and reads the total again until it stood still.
fn live_subtracted(
    cgroups: &KeptFile,
    root: &Path,
    buffer: &mut Buffer,
) -> Result<ZombieCount, SampleError> {
    let mut before = memory_cgroups(cgroups, buffer)?;
    let mut tries = 1;
    loop {
        let live = directories::count(root)?;
        let after = memory_cgroups(cgroups, buffer)?;
        let is_undisturbed = before == after && live <= after;
        if is_undisturbed || tries == TRIES {
            return interval(before, after, live).ok_or_else(|| SampleError::Disagree {
                path: cgroups.path().to_owned(),
                counted: before.max(after),
                tree: root.to_owned(),
                directories: live,
            });
        }
        before = after;
        tries += 1;
    }
}

/// What `live` directories leave of totals that went from `before` to `after`
/// during the walk; `None` if there were more directories than cgroups.
fn interval(before: u64, after: u64, live: u64) -> Option<ZombieCount> {
    let low = before.min(after).saturating_sub(live);
    let high = before.max(after).checked_sub(live)?;
    Some(ZombieCount { low, high })
}

/// The rows of a `/proc/cgroups` whose columns are the ones known here.
///
/// # Errors
/// [`SampleError`] if it cannot be read, or its header names others.
pub fn cgroups_table<'a>(
    cgroups: &'a KeptFile,
    buffer: &'a mut Buffer,
) -> Result<Rows<'a>, SampleError> {
    let rows = cgroups.read(buffer)?;
    rows.require_header(
        &["#subsys_name", "hierarchy", "num_cgroups"],
        "the columns #subsys_name hierarchy num_cgroups",
    )?;
    Ok(rows)
}

/// The kernel's count of memory cgroups, dead ones and the root included.
fn memory_cgroups(cgroups: &KeptFile, buffer: &mut Buffer) -> Result<u64, SampleError> {
    let rows = cgroups_table(cgroups, buffer)?;
    let Some(mut fields) = rows.fields("memory") else {
        return Err(SampleError::MissingRow {
            path: cgroups.path().to_owned(),
            row: "memory",
            hint: "this kernel does not tell how many memory cgroups version 1 has",
        });
    };
    let hierarchy = rows.count_field(fields.next())?;
    let total = rows.count_field(fields.next())?;
    if hierarchy == 0 {
        // Then the row counts every cgroup of the unified hierarchy.
        let why = "the kernel has the memory controller on version 2, but a version 1 hierarchy \
                   is mounted; the trees are not of one host";
        return Err(SampleError::Unusable {
            path: cgroups.path().to_owned(),
            why,
        });
    }
    Ok(total)
}

/// The kernel's own count on version 2: of cgroups whose memory part is dying
/// (6.12 and later), else of all dying ones (4.14 and later).
fn dying(stat: &KeptFile, buffer: &mut Buffer) -> Result<ZombieCount, SampleError> {
    let rows = stat.read(buffer)?;
    if let Some(count) = rows.count("nr_dying_subsys_memory")? {
        return Ok(ZombieCount::exactly(count));
    }
    if rows.fields("nr_subsys_memory").is_some() {
        // The dying of all controllers are other cgroups than those of memory.
        return Err(SampleError::MissingRow {
            path: stat.path().to_owned(),
            row: "nr_dying_subsys_memory",
            hint: "a kernel that counts the live ones of each controller counts the dying ones too",
        });
    }
    if let Some(count) = rows.count("nr_dying_descendants")? {
        return Ok(ZombieCount::exactly(count));
    }
    Err(SampleError::MissingRow {
        path: stat.path().to_owned(),
        row: "nr_dying_descendants",
        hint: "kernels before 4.14 do not count dying cgroups on version 2",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_stood_still_is_exact() {
        assert_eq!(interval(13, 13, 7), Some(ZombieCount::exactly(6)));
        assert_eq!(interval(7, 7, 7), Some(ZombieCount::exactly(0)));
    }

    #[test]
    fn a_count_that_moved_is_an_interval() {
        assert_eq!(
            interval(100, 130, 90),
            Some(ZombieCount { low: 10, high: 40 })
        );
        assert_eq!(
            interval(130, 100, 90),
            Some(ZombieCount { low: 10, high: 40 })
        );
        assert_eq!(
            interval(80, 130, 90),
            Some(ZombieCount { low: 0, high: 40 })
        );
    }

    #[test]
    fn more_directories_than_cgroups_is_not_zero_zombies() {
        assert_eq!(interval(7, 7, 8), None);
    }
}
