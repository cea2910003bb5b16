//! Copies of the fixture trees that a test may break.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use node_probe::sample::{Observation, Observer, Roots};

/// The committed tree `name`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// A copy of a fixture tree in a directory of its own.
pub struct Tree(tempfile::TempDir);

impl Tree {
    pub fn of(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        copy(&fixture(name), dir.path());
        Self(dir)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path().join(file), content).unwrap();
    }

    /// Puts a link there, in the place of what is there.
    #[cfg(feature = "cluster")]
    pub fn link(&self, target: &str, file: &str) {
        let at = self.path().join(file);
        if at.symlink_metadata().is_ok() {
            self.remove(file);
        }
        symlink(target, at).unwrap();
    }

    pub fn remove(&self, file: &str) {
        let path = self.path().join(file);
        if path.is_dir() {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        }
        .unwrap();
    }

    /// A fresh observer's view of it.
    pub fn observer(&self) -> Observer {
        let mut observer = Observer::open(Roots::under(self.path()));
        // Each cycle tells of the time since the last one.
        observer.set_window(std::time::Duration::ZERO);
        observer
    }

    /// A fresh observer's first observation.
    pub fn observe(&self) -> Observation {
        self.observer().observe()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_symlink() {
            // As it is: where it leads on a host is what a reader must find out.
            symlink(fs::read_link(entry.path()).unwrap(), target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
