//! Turns to start: as many clusters of this machine start at once as it has CPUs.
//! More of them would take the CPUs from one another until all are late.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::sweep::{remove_file, try_lock};

/// The right to start now; the kernel takes it back from who is killed.
pub struct Turn {
    path: PathBuf,
    _lock: File,
}

impl Turn {
    /// A turn, if one is free. `dir` is the directory of all clusters.
    ///
    /// # Errors
    /// When locks cannot be made there.
    pub fn take(dir: &Path) -> Result<Option<Self>> {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        for number in 0..cpus {
            let path = dir.join(format!("starting-{number}.lock"));
            if let Some(_lock) = try_lock(&path)? {
                return Ok(Some(Self { path, _lock }));
            }
        }
        Ok(None)
    }

    /// Gives it to the next one.
    ///
    /// # Errors
    /// When its file cannot be removed.
    pub fn give_back(self) -> Result<()> {
        remove_file(&self.path)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_as_cpus_and_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let cpus = std::thread::available_parallelism().unwrap().get();
        let mut turns: Vec<_> = (0..cpus)
            .map(|_| Turn::take(dir.path()).unwrap().unwrap())
            .collect();
        assert!(Turn::take(dir.path()).unwrap().is_none());

        turns.pop().unwrap().give_back().unwrap();
        turns.push(Turn::take(dir.path()).unwrap().unwrap());

        for turn in turns {
            turn.give_back().unwrap();
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn one_that_died_gives_it_back() {
        let dir = tempfile::tempdir().unwrap();
        drop(Turn::take(dir.path()).unwrap().unwrap());
        assert!(Turn::take(dir.path()).unwrap().is_some());
    }
}
