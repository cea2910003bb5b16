//! Why a host does not tell something.

use std::path::{Path, PathBuf};

use nix::errno::Errno;

/// Text of a file in a message is cut to this, in bytes.
const SHOWN_MAX: usize = 60;

/// Why a host does not tell something. Every variant names the path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untold {
    /// A file could not be read.
    #[error("{}: {}{}", path.display(), errno.desc(), advice(*errno))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the kernel answered.
        errno: Errno,
    },
    /// A file is not what its name says.
    #[error("{}: expected {expected}, found {found:?}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What should have been there.
        expected: &'static str,
        /// What was there, shortened.
        found: String,
    },
    /// The files are fine and leave it open.
    #[error("{}: {why}", path.display())]
    Open {
        /// The file or folder that leaves it open.
        path: PathBuf,
        /// What is missing, and what to do.
        why: String,
    },
}

/// What helps against `errno`, with its separator, or nothing.
fn advice(errno: Errno) -> &'static str {
    match errno {
        Errno::EACCES | Errno::EPERM => {
            "; the host lets only others read it, so a probe of this user cannot tell"
        }
        Errno::ENOENT => "; mount the host's there, or this host has none",
        Errno::ELOOP => "; its links go round, or it lies on a mount that is not there yet",
        _ => "",
    }
}

impl Untold {
    /// The failure of a system call on `path`.
    pub(super) fn errno(path: &Path, errno: rustix::io::Errno) -> Self {
        Self::Io {
            path: path.to_owned(),
            errno: Errno::from_raw(errno.raw_os_error()),
        }
    }

    /// Text at `path` that is not `expected`.
    pub(super) fn malformed(path: &Path, expected: &'static str, found: &str) -> Self {
        Self::Malformed {
            path: path.to_owned(),
            expected,
            found: shown(found),
        }
    }

    /// What `path` leaves open.
    pub(super) fn open(path: &Path, why: impl Into<String>) -> Self {
        Self::Open {
            path: path.to_owned(),
            why: why.into(),
        }
    }

    /// Whether there simply is no such file.
    pub(super) fn is_missing(&self) -> bool {
        matches!(
            self,
            Self::Io {
                errno: Errno::ENOENT | Errno::ENOTDIR,
                ..
            }
        )
    }

    /// Whether a file is there that this user may not read.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(
            self,
            Self::Io {
                errno: Errno::EACCES | Errno::EPERM,
                ..
            }
        )
    }
}

/// As much of `text` as a message can carry.
pub(super) fn shown(text: &str) -> String {
    text.chars()
        .scan(0, |len, letter| {
            *len += letter.len_utf8();
            (*len <= SHOWN_MAX).then_some(letter)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_path_and_what_helps() {
        let path = Path::new("/host/boot/grub2/grubenv");
        let error = Untold::errno(path, rustix::io::Errno::ACCESS);
        assert!(error.is_forbidden() && !error.is_missing());
        assert_eq!(
            error.to_string(),
            "/host/boot/grub2/grubenv: Permission denied; the host lets only others read it, \
             so a probe of this user cannot tell"
        );
        let long = Untold::malformed(path, "text", &"ä".repeat(1_000)).to_string();
        assert!(long.len() < 200 && long.contains("ää"), "{long}");
    }
}
