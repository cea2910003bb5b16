//! The file system under the shared file: it decides whether `drop_caches` cures the incident.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::statfs::{EXT4_SUPER_MAGIC, TMPFS_MAGIC, statfs};
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};
use serde::{Deserialize, Serialize};

use super::IncidentError;
use super::state::FILE_PREFIX;

/// What must stay free where the shared file is.
const MARGIN: u64 = 256 << 20;

const MIB: u64 = 1 << 20;

/// The file system of the shared file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backing {
    /// Its clean pages go at `drop_caches=1`: the incident is curable.
    Ext4,
    /// Its pages have nowhere else to be: no `drop_caches` frees them.
    Tmpfs,
}

impl Backing {
    /// Directories worth a look, the likeliest first.
    fn candidates(self) -> &'static [&'static str] {
        match self {
            Self::Ext4 => &[
                "/var/tmp", "/var/lib", "/tmp", "/root", "/home", "/opt", "/",
            ],
            Self::Tmpfs => &["/dev/shm", "/run", "/tmp", "/var/tmp"],
        }
    }

    /// Whether the directory is on this file system.
    fn holds(self, directory: &Path) -> bool {
        statfs(directory).is_ok_and(|found| {
            found.filesystem_type()
                == match self {
                    Self::Ext4 => EXT4_SUPER_MAGIC,
                    Self::Tmpfs => TMPFS_MAGIC,
                }
        })
    }

    /// The directory for a shared file of `bytes`: the one that was named, or the first that is
    /// right.
    ///
    /// # Errors
    /// [`IncidentError::WrongFileSystem`], [`IncidentError::NoDirectory`] or
    /// [`IncidentError::NoSpace`].
    pub(crate) fn directory(
        self,
        named: Option<&Path>,
        bytes: u64,
    ) -> Result<PathBuf, IncidentError> {
        let right: Vec<&Path> = match named {
            Some(directory) if !self.holds(directory) => {
                return Err(IncidentError::WrongFileSystem {
                    directory: directory.to_path_buf(),
                    wanted: self,
                });
            }
            Some(directory) => vec![directory],
            None => self
                .candidates()
                .iter()
                .map(Path::new)
                .filter(|one| self.holds(one))
                .collect(),
        };
        let writable: Vec<&Path> = right
            .into_iter()
            .filter(|one| access(*one, AccessFlags::W_OK).is_ok())
            .collect();
        if writable.is_empty() {
            let tried = match named {
                Some(directory) => vec![directory.to_path_buf()],
                None => self.candidates().iter().map(PathBuf::from).collect(),
            };
            return Err(IncidentError::NoDirectory {
                backing: self,
                tried,
            });
        }
        roomy(&writable, bytes + MARGIN, free)
    }
}

/// The first directory with `need` bytes free; else says what the roomiest has.
fn roomy(
    directories: &[&Path],
    need: u64,
    free: impl Fn(&Path) -> u64,
) -> Result<PathBuf, IncidentError> {
    if let Some(directory) = directories.iter().find(|one| free(one) >= need) {
        return Ok(directory.to_path_buf());
    }
    let (free_bytes, directory) = directories
        .iter()
        .map(|one| (free(one), *one))
        .max()
        .unwrap_or((0, Path::new("/")));
    Err(IncidentError::NoSpace {
        directory: directory.to_path_buf(),
        need_mib: need.div_ceil(MIB),
        free_mib: free_bytes / MIB,
    })
}

/// Shared files in the places where makers put them by default. Whoever holds the machine's lock
/// knows that they are leftovers: of a maker that was killed before a reboot, which empties /run,
/// or whose state directory was removed.
pub(crate) fn stray_files() -> Vec<PathBuf> {
    let places = [Backing::Ext4, Backing::Tmpfs].map(Backing::candidates);
    let entries = places
        .concat()
        .into_iter()
        .filter_map(|place| fs::read_dir(place).ok());
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .flatten()
        .filter(is_shared_file)
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files.dedup();
    files
}

/// A regular file of root, named as makers name theirs: others may write to these places too.
fn is_shared_file(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    let number = name
        .to_str()
        .and_then(|name| name.strip_prefix(FILE_PREFIX));
    number
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|one| one.is_ascii_digit()))
        && entry
            .metadata()
            .is_ok_and(|data| data.is_file() && data.uid() == 0)
}

impl fmt::Display for Backing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ext4 => "ext4",
            Self::Tmpfs => "tmpfs",
        })
    }
}

/// Bytes that may still be written there; 0 where the file system does not say.
fn free(directory: &Path) -> u64 {
    statvfs(directory).map_or(0, |found| found.blocks_available() * found.fragment_size())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_directory_must_be_right_and_roomy() {
        let wrong = Backing::Tmpfs
            .directory(Some(Path::new("/proc")), 1)
            .unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "/proc is not on tmpfs: name a directory that is, or none to have one found"
        );
        let absent = Backing::Ext4.directory(Some(Path::new("/no/such/place")), 1);
        assert!(matches!(absent, Err(IncidentError::WrongFileSystem { .. })));
    }

    #[test]
    fn a_file_that_does_not_fit_is_refused_with_the_roomiest_place() {
        let places = [Path::new("/small"), Path::new("/large")];
        let free = |place: &Path| {
            if place == Path::new("/large") {
                9 * MIB
            } else {
                MIB
            }
        };
        assert_eq!(roomy(&places, 9 * MIB, free).unwrap(), Path::new("/large"));
        assert_eq!(
            roomy(&places, 9 * MIB + 1, free).unwrap_err().to_string(),
            "the shared file needs 10 MiB and /large has 9 MiB free: ask for fewer zombies, or \
             name another place with --directory"
        );
    }
}
