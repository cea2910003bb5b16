//! Undoing an incident: one's own at its end, or that of a maker that was killed.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::backing::stray_files;
use super::lock::MachineLock;
use super::options::state_file;
use super::state::State;
use super::{Cancel, Hierarchy, IncidentError, check, zombies};

/// How long the kernel may take to free the zombies once nothing holds them. 150,000 take 4 s on a
/// machine at rest.
const FREED_WITHIN: Duration = Duration::from_secs(60);

/// When the count has not fallen for this long, no more is about to be freed: the kernel frees in
/// batches that are at most some 0.1 s apart.
const STILL_FOR: Duration = Duration::from_millis(500);

/// The same while most of the incident is still there, and the machine may just be busy.
const STUCK_FOR: Duration = Duration::from_secs(5);

/// How long a cgroup may refuse to go because the process that was in it is not quite gone.
const EMPTY_WITHIN: Duration = Duration::from_secs(5);

/// What was found and removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cleaned {
    /// Processes of the incident that had to be killed.
    pub killed: Vec<u32>,
    /// Shared files that were unlinked.
    pub files: Vec<PathBuf>,
    /// Live cgroups that were removed.
    pub cgroups: u32,
}

impl Cleaned {
    /// Whether there was nothing to clean.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Cleaned {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return formatter.write_str("nothing was left");
        }
        let mut parts = Vec::new();
        parts.extend(
            self.killed
                .iter()
                .map(|pid| format!("killed process {pid}")),
        );
        parts.extend(
            self.files
                .iter()
                .map(|file| format!("unlinked {}", file.display())),
        );
        match self.cgroups {
            0 => {}
            1 => parts.push("removed 1 cgroup".into()),
            many => parts.push(format!("removed {many} cgroups")),
        }
        formatter.write_str(&parts.join(", "))
    }
}

/// Removes what a killed maker left, from this state directory and from the one that it named in
/// the lock.
///
/// # Errors
/// [`IncidentError::Busy`] while a maker runs, and whatever kept a leftover from going.
pub fn clean(state_dir: &Path, wait: Duration) -> Result<Cleaned, IncidentError> {
    let hierarchy = check()?;
    let state_file = state_file(state_dir);
    let lock = MachineLock::acquire(&state_file, wait, &Cancel::default())?;
    leftovers(&hierarchy, &lock, &state_file)
}

/// Removes the leftovers while the lock is held.
pub(crate) fn leftovers(
    hierarchy: &Hierarchy,
    lock: &MachineLock,
    state_file: &Path,
) -> Result<Cleaned, IncidentError> {
    let mut cleaned = Cleaned::default();
    let mut files = vec![state_file];
    files.extend(
        lock.predecessor
            .as_deref()
            .filter(|named| *named != state_file),
    );
    for path in files {
        if let Some(state) = State::load(path)? {
            undo(hierarchy, &state, path, &mut cleaned)?;
        }
    }
    // What no state tells of: it may have been lost, or never written.
    cleaned.cgroups += remove_cgroups(hierarchy)?;
    for file in stray_files() {
        fs::remove_file(&file).map_err(IncidentError::io("cannot remove", &file))?;
        cleaned.files.push(file);
    }
    // The next count shall not see what is about to be freed.
    settle(hierarchy)?;
    Ok(cleaned)
}

/// Undoes one incident: processes first, since they hold the file; then the file, whose pages hold
/// the zombies; then the directories. The state file goes last, so that an interrupted cleaning can
/// be done again.
pub(crate) fn undo(
    hierarchy: &Hierarchy,
    state: &State,
    state_file: &Path,
    cleaned: &mut Cleaned,
) -> Result<u64, IncidentError> {
    cleaned.killed.extend(state.kill_children()?);
    if state.unlink_file()? {
        cleaned.files.push(state.file.clone());
    }
    cleaned.cgroups += remove_cgroups(hierarchy)?;
    let left = wait_freed(hierarchy, state)?;
    State::forget(state_file)?;
    Ok(left)
}

/// Waits until the zombies of an incident are gone, and gives what is left on this machine: as few
/// as before it, or a count that falls no more, since cgroups of others may have died meanwhile.
fn wait_freed(hierarchy: &Hierarchy, state: &State) -> Result<u64, IncidentError> {
    let enough = state.before + tolerance(state.zombies);
    let mut falling = Falling::new();
    zombies::wait_until(hierarchy, FREED_WITHIN, |now| {
        let limit = if now <= enough { STILL_FOR } else { STUCK_FOR };
        now <= state.before || falling.stood_still(now) > limit
    })
}

/// Waits until those zombies are gone that are about to be freed anyway.
fn settle(hierarchy: &Hierarchy) -> Result<(), IncidentError> {
    let mut falling = Falling::new();
    let still = |now| falling.stood_still(now) > STILL_FOR;
    zombies::wait_until(hierarchy, FREED_WITHIN, still).map(drop)
}

/// A count that is watched for its fall.
struct Falling {
    least: u64,
    since: Instant,
}

impl Falling {
    fn new() -> Self {
        Self {
            least: u64::MAX,
            since: Instant::now(),
        }
    }

    /// For how long the count has not fallen below what it was.
    fn stood_still(&mut self, now: u64) -> Duration {
        if now < self.least {
            *self = Self {
                least: now,
                since: Instant::now(),
            };
        }
        self.since.elapsed()
    }
}

/// Removes every live cgroup of the incident; gives how many there were.
pub(crate) fn remove_cgroups(hierarchy: &Hierarchy) -> Result<u32, IncidentError> {
    let mut removed = 0;
    for cgroup in hierarchy.live_cgroups()? {
        remove_patiently(&cgroup)?;
        removed += 1;
    }
    Ok(removed)
}

fn remove_patiently(cgroup: &Path) -> Result<(), IncidentError> {
    let until = Instant::now() + EMPTY_WITHIN;
    loop {
        let Err(error) = fs::remove_dir(cgroup) else {
            return Ok(());
        };
        match error.kind() {
            io::ErrorKind::NotFound => return Ok(()),
            io::ErrorKind::ResourceBusy if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(20));
            }
            _ => return Err(IncidentError::io("cannot remove", cgroup)(error)),
        }
    }
}

/// By how much the machine's count may differ from what the incident made: natural zombies (2 to 60
/// were seen) come and go meanwhile. It is never more than a quarter of a small incident, or the
/// check would prove nothing.
pub(crate) fn tolerance(zombies: u32) -> u64 {
    let made = u64::from(zombies);
    (made / 50).max((made / 4).min(64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tolerance_is_a_part_of_what_was_made() {
        assert_eq!(tolerance(1), 0);
        assert_eq!(tolerance(100), 25);
        assert_eq!(tolerance(2_000), 64);
        assert_eq!(tolerance(50_000), 1_000);
    }

    #[test]
    fn what_was_cleaned_reads_as_a_sentence() {
        assert_eq!(Cleaned::default().to_string(), "nothing was left");
        let cleaned = Cleaned {
            killed: vec![7],
            files: vec!["/a/b".into()],
            cgroups: 2,
        };
        assert_eq!(
            cleaned.to_string(),
            "killed process 7, unlinked /a/b, removed 2 cgroups"
        );
    }
}
