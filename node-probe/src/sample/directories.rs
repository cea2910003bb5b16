//! The number of live cgroups of a hierarchy: its directories.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, Stat, fstat, openat, statat};
use rustix::io::Errno;

use super::error::SampleError;

/// After this many directories the walk offers its CPU to others.
const YIELD_EVERY: u64 = 256;

/// More live cgroups than any node has; beyond it the tree is not one.
const DIRECTORIES_MAX: u64 = 1_000_000;

/// Directories nest no deeper than this in any hierarchy that systemd, a
/// kubelet or a container runtime makes. Each level holds a descriptor and a
/// buffer on the stack, which together must stay well within a thread's 2 MiB.
const DEPTH_MAX: usize = 32;

/// Holds some hundred entries, so that most directories take one system call.
const BUFFER_LEN: usize = 16 * 1024;

const OPEN: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOFOLLOW);

/// Counts the directories at and below `root`.
///
/// kernfs keeps two links for a directory and one for each subdirectory, so
/// that leaves, most of a tree, are recognised by one `fstatat` and never
/// opened. Directories that vanish during the walk are not counted.
///
/// # Errors
/// [`SampleError::Io`] if a directory cannot be read;
/// [`SampleError::Unusable`] if the file system keeps no such link counts or the
/// tree is larger or deeper than any cgroup tree.
pub fn count(root: &Path) -> Result<u64, SampleError> {
    let mut walk = Walk {
        root,
        directories: 1,
    };
    let dir = openat(CWD, root, OPEN, Mode::empty()).map_err(|errno| walk.failed(errno))?;
    if fstat(&dir).map_err(|errno| walk.failed(errno))?.st_nlink < 2 {
        return Err(walk.unusable("its file system keeps no link counts, so it is no cgroup tree"));
    }
    walk.children(&dir, 0)?;
    Ok(walk.directories)
}

struct Walk<'a> {
    root: &'a Path,
    directories: u64,
}

impl Walk<'_> {
    /// Counts what is below `dir`, which is at `depth`.
    fn children(&mut self, dir: &OwnedFd, depth: usize) -> Result<(), SampleError> {
        let mut buffer = [MaybeUninit::uninit(); BUFFER_LEN];
        let mut entries = RawDir::new(dir, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                // The directory was removed while it was read.
                Err(Errno::NOENT | Errno::NODEV) => return Ok(()),
                Err(errno) => return Err(self.failed(errno)),
            };
            let name = entry.file_name();
            if !may_be_directory(entry.file_type()) || name == c"." || name == c".." {
                continue;
            }
            let Some(stat) = self.directory(dir, name)? else {
                continue;
            };
            self.visited()?;
            if stat.st_nlink > 2 {
                self.descend(dir, name, depth)?;
            }
        }
        Ok(())
    }

    fn descend(&mut self, parent: &OwnedFd, name: &CStr, depth: usize) -> Result<(), SampleError> {
        if depth >= DEPTH_MAX {
            return Err(self.unusable("its directories nest deeper than any cgroup tree's"));
        }
        match openat(parent, name, OPEN, Mode::empty()) {
            Ok(dir) => self.children(&dir, depth + 1),
            Err(Errno::NOENT | Errno::NODEV) => Ok(()),
            Err(errno) => Err(self.failed(errno)),
        }
    }

    /// The status of the live directory `name`; `None` if it is something else
    /// or on its way out, which shows as fewer than two links.
    fn directory(&self, parent: &OwnedFd, name: &CStr) -> Result<Option<Stat>, SampleError> {
        match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => {
                let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
                Ok((is_directory && stat.st_nlink >= 2).then_some(stat))
            }
            Err(Errno::NOENT | Errno::NODEV) => Ok(None),
            Err(errno) => Err(self.failed(errno)),
        }
    }

    fn visited(&mut self) -> Result<(), SampleError> {
        self.directories += 1;
        if self.directories > DIRECTORIES_MAX {
            return Err(self.unusable("it has over a million directories"));
        }
        if self.directories.is_multiple_of(YIELD_EVERY) {
            std::thread::yield_now();
        }
        Ok(())
    }

    fn failed(&self, errno: Errno) -> SampleError {
        SampleError::errno(self.root, nix::errno::Errno::from_raw(errno.raw_os_error()))
    }

    fn unusable(&self, why: &'static str) -> SampleError {
        SampleError::Unusable {
            path: self.root.to_owned(),
            why,
        }
    }
}

/// kernfs tells the type; a file system that does not is asked by `fstatat`.
fn may_be_directory(kind: FileType) -> bool {
    matches!(kind, FileType::Directory | FileType::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn counts_every_directory_and_no_file() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(count(dir.path()), Ok(1));
        for child in ["a/b/c", "a/d", "e", "f/g/h/i"] {
            fs::create_dir_all(dir.path().join(child)).unwrap();
        }
        fs::write(dir.path().join("a/memory.stat"), "cache 0\n").unwrap();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("loop")).unwrap();
        assert_eq!(count(dir.path()), Ok(10));
    }

    #[test]
    fn wide_trees_are_counted_whole() {
        let dir = tempfile::tempdir().unwrap();
        for index in 0..1_000 {
            fs::create_dir(dir.path().join(format!("pod{index}"))).unwrap();
        }
        assert_eq!(count(dir.path()), Ok(1_001));
    }

    #[test]
    fn a_tree_too_deep_and_a_missing_one_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("d/".repeat(DEPTH_MAX + 3))).unwrap();
        let error = count(dir.path()).unwrap_err();
        assert!(
            error.to_string().contains("deeper than any cgroup tree"),
            "{error}"
        );
        let error = count(&dir.path().join("nowhere")).unwrap_err();
        assert!(
            error.to_string().contains("nowhere: No such file"),
            "{error}"
        );
    }
}
