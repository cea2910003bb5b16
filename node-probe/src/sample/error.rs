//! Why a kernel file gave no value.

use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

/// Why a kernel file gave no value. Every variant names the path.
///
/// Comparable and cloneable, so that an observation can carry it; therefore an
/// operating system error is kept as its number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// The file could not be opened or read.
    #[error("{}: {}{}", path.display(), errno.desc(), advice(*errno))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the kernel answered.
        errno: Errno,
    },
    /// The file does not have the format that the kernel documents: truncated,
    /// not text, or a number that the kernel cannot mean.
    #[error("{}: expected {expected}, found {found:?}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What should have been there.
        expected: &'static str,
        /// What was there, shortened.
        found: String,
    },
    /// The file is fine but lacks a row that this kernel does not print.
    #[error("{}: no row {row}: {hint}", path.display())]
    MissingRow {
        /// The file.
        path: PathBuf,
        /// The row.
        row: &'static str,
        /// What that means, or what to do instead.
        hint: &'static str,
    },
    /// The tree cannot be used as it is.
    #[error("{}: {why}", path.display())]
    Unusable {
        /// The file or directory.
        path: PathBuf,
        /// The reason and what to do instead.
        why: &'static str,
    },
    /// Two files that must agree do not: the moment was unlucky, or one of
    /// them lies.
    #[error("{}: counts {counted} cgroups where {} has {directories} directories", path.display(), tree.display())]
    Disagree {
        /// The file with the count.
        path: PathBuf,
        /// Its count.
        counted: u64,
        /// The tree that was walked.
        tree: PathBuf,
        /// The live directories found in it.
        directories: u64,
    },
}

/// What usually helps against `errno`, with its separator, or nothing.
fn advice(errno: Errno) -> &'static str {
    match errno {
        Errno::EACCES | Errno::EPERM => "; grant the probe read access to it",
        Errno::ENOENT => "; mount the host's tree there, or this kernel lacks it",
        _ => "",
    }
}

impl SampleError {
    /// The failure of an operation on `path`.
    #[must_use]
    pub fn io(path: &Path, error: &io::Error) -> Self {
        Self::errno(path, Errno::from_raw(error.raw_os_error().unwrap_or(0)))
    }

    /// The failure of a system call on `path`.
    #[must_use]
    pub fn errno(path: &Path, errno: Errno) -> Self {
        Self::Io {
            path: path.to_owned(),
            errno,
        }
    }

    /// Text at `path` that is not `expected`; `found` is cut to what a message
    /// can carry.
    #[must_use]
    pub fn malformed(path: &Path, expected: &'static str, found: &[u8]) -> Self {
        const SHOWN_MAX: usize = 40;
        let shown = &found[..found.len().min(SHOWN_MAX)];
        let found = String::from_utf8_lossy(shown).into_owned();
        Self::Malformed {
            path: path.to_owned(),
            expected,
            found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_path_and_what_helps() {
        let error = SampleError::errno(Path::new("/host/proc/cgroups"), Errno::EACCES);
        assert_eq!(
            error.to_string(),
            "/host/proc/cgroups: Permission denied; grant the probe read access to it"
        );
        let error = SampleError::malformed(Path::new("/x"), "a count", &[b'7'; 100]);
        assert_eq!(
            error.to_string(),
            format!("/x: expected a count, found {:?}", "7".repeat(40))
        );
    }
}
