//! How many memory cgroups of this machine are dead but still held.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Hierarchy, IncidentError, Version};

/// How often the v1 count is tried again when cgroups came or went during the walk.
const TRIES: u32 = 5;

/// How long between two looks while waiting for zombies to come or go.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Counts the zombie memory cgroups of the whole machine.
///
/// On v1 this is the `memory` row of `/proc/cgroups` less the directories of the hierarchy. On v2
/// it is `nr_dying_subsys_memory` of the root's `cgroup.stat`, or `nr_dying_descendants` before
/// 6.12.
///
/// # Errors
/// [`IncidentError::Unknown`] where the kernel does not say: that is never 0.
pub fn count() -> Result<u64, IncidentError> {
    count_in(&Hierarchy::find()?)
}

/// As [`count`], in a hierarchy that was found before.
///
/// # Errors
/// As [`count`].
pub fn count_in(hierarchy: &Hierarchy) -> Result<u64, IncidentError> {
    match hierarchy.version {
        Version::V1 => count_v1(&hierarchy.root),
        Version::V2 => {
            let path = hierarchy.root.join("cgroup.stat");
            let text =
                fs::read_to_string(&path).map_err(IncidentError::io("cannot read", &path))?;
            parse_cgroup_stat(&text).ok_or_else(|| IncidentError::Unknown {
                why: format!(
                    "{} has neither nr_dying_subsys_memory nor nr_dying_descendants",
                    path.display()
                ),
            })
        }
    }
}

/// Waits until the count is as wanted or `limit` is over, and gives the last count.
pub(crate) fn wait_until(
    hierarchy: &Hierarchy,
    limit: Duration,
    mut wanted: impl FnMut(u64) -> bool,
) -> Result<u64, IncidentError> {
    let until = Instant::now() + limit;
    loop {
        let now = count_in(hierarchy)?;
        if wanted(now) || Instant::now() >= until {
            return Ok(now);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn count_v1(root: &Path) -> Result<u64, IncidentError> {
    let mut last = 0;
    for _ in 0..TRIES {
        let before = all_cgroups()?;
        let live = directories(root)?;
        let after = all_cgroups()?;
        last = after.saturating_sub(live);
        if before == after {
            break;
        }
    }
    Ok(last)
}

/// `num_cgroups` of the memory controller: alive and dead, the root included.
fn all_cgroups() -> Result<u64, IncidentError> {
    let path = "/proc/cgroups";
    let text = fs::read_to_string(path).map_err(IncidentError::io("cannot read", path))?;
    parse_proc_cgroups(&text).ok_or_else(|| IncidentError::Unknown {
        why: format!("{path} has no row for the memory controller on this kernel"),
    })
}

fn parse_proc_cgroups(text: &str) -> Option<u64> {
    let row = text
        .lines()
        .find(|line| line.split_whitespace().next() == Some("memory"))?;
    row.split_whitespace().nth(2)?.parse().ok()
}

fn parse_cgroup_stat(text: &str) -> Option<u64> {
    let value = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok())
    };
    value("nr_dying_subsys_memory ").or_else(|| value("nr_dying_descendants "))
}

/// Counts the directories of a cgroup tree, its root included. A cgroup directory has as many links
/// as it has subdirectories, and two, so that leaves need not be opened.
fn directories(root: &Path) -> Result<u64, IncidentError> {
    let mut total = 1;
    let mut open = vec![root.to_path_buf()];
    while let Some(directory) = open.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            // It went away between the listing of its parent and now; `num_cgroups` then differs
            // too, and the caller counts again. A root that cannot be listed is another matter.
            if directory == root {
                fs::read_dir(root).map_err(IncidentError::io("cannot list", root))?;
            }
            continue;
        };
        for entry in entries.flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            total += 1;
            if entry.metadata().is_ok_and(|data| data.nlink() > 2) {
                open.push(entry.path());
            }
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_cgroups_without_a_memory_row_is_unknown() {
        let with =
            "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t3\t1\nmemory\t4\t13\t1\n";
        assert_eq!(parse_proc_cgroups(with), Some(13));
        assert_eq!(
            parse_proc_cgroups("#subsys_name\thierarchy\ncpu\t1\t3\t1\n"),
            None
        );
        assert_eq!(parse_proc_cgroups("memory\t4\tmany\t1\n"), None);
    }

    #[test]
    fn cgroup_stat_prefers_the_memory_count() {
        let old = "nr_descendants 7\nnr_dying_descendants 40\n";
        let new = "nr_descendants 7\nnr_dying_descendants 40\nnr_dying_subsys_memory 39\n";
        assert_eq!(parse_cgroup_stat(old), Some(40));
        assert_eq!(parse_cgroup_stat(new), Some(39));
        assert_eq!(parse_cgroup_stat("nr_descendants 7\n"), None);
    }

    #[test]
    fn directories_are_counted_with_their_root() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("a/b/c")).unwrap();
        fs::create_dir_all(root.path().join("a/d")).unwrap();
        fs::write(root.path().join("a/tasks"), "").unwrap();
        assert_eq!(directories(root.path()).unwrap(), 5);
        assert!(directories(&root.path().join("absent")).is_err());
    }
}
