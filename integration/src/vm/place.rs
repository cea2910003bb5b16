//! Where a virtual machine's files are while it lives, also when whoever held it
//! was killed: the next one removes what is held by nobody.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::TempDir;

const PREFIX: &str = "unstall-vm-";
const LOCK: &str = "lock";

/// A directory that is removed with this value.
#[derive(Debug)]
pub struct Place {
    dir: TempDir,
    _lock: File,
}

impl Place {
    /// A new one in the machine's directory for temporary files.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> Result<Self> {
        Self::in_dir(&std::env::temp_dir())
    }

    fn in_dir(parent: &Path) -> Result<Self> {
        remove_left_over(parent);
        let dir = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(parent)
            .with_context(|| format!("cannot make a directory in {}", parent.display()))?;
        // Under its name only once it is held: an unheld one is left over.
        let unnamed = dir.path().join("lock.new");
        let lock = File::create(&unnamed)?;
        lock.lock()?;
        fs::rename(unnamed, dir.path().join(LOCK))?;
        Ok(Self { dir, _lock: lock })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

fn remove_left_over(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if let (true, Ok(lock)) = (is_ours, File::open(entry.path().join(LOCK)))
            && lock.try_lock().is_ok()
        {
            // Another one that starts now may be removing it too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_holder_left_is_removed_and_what_is_held_stays() {
        let parent = tempfile::tempdir().unwrap();
        let held = Place::in_dir(parent.path()).unwrap();
        let killed = Place::in_dir(parent.path()).unwrap();
        let left = killed.path().to_owned();
        let Place { dir, _lock: lock } = killed;
        let _ = dir.keep();
        drop(lock);
        assert!(left.is_dir());
        let next = Place::in_dir(parent.path()).unwrap();
        assert!(!left.exists());
        assert!(held.path().is_dir() && next.path().is_dir());
    }
}
