//! Where the memory controller is mounted, and what its files are called there.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};
use serde::{Deserialize, Serialize};

use super::IncidentError;

/// The inode of the first cgroup namespace (`PROC_CGROUP_INIT_INO` in the kernel's
/// include/linux/proc_ns.h).
const HOST_CGROUP_NAMESPACE: &str = "cgroup:[4026531835]";

/// How the names of the incident's cgroups begin; a number follows.
///
/// They are made right under the root on purpose. With a parent in between, kernel 6.18 hid the
/// pulses for seconds: of 98 reads at 50,000 zombies 32 were fast, and 2 of 7 medians; right under
/// the root none were. A trace showed that such a read flushes nothing. A flush resets the parent's
/// count of changes before the root's own, so a pulse at that moment leaves the parent alone marked
/// as changed, and `memcg_rstat_updated` then stops there and tells the root no more.
const CGROUP_PREFIX: &str = "unstall-incident-";

/// Which cgroup interface the memory controller is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Version {
    /// A hierarchy of its own, zombies from `/proc/cgroups`.
    V1,
    /// The unified hierarchy, zombies from `cgroup.stat`.
    V2,
}

/// The mounted hierarchy that has the memory controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hierarchy {
    /// Its interface.
    pub version: Version,
    /// Its mount point.
    pub root: PathBuf,
}

impl Hierarchy {
    /// Finds the hierarchy of the running machine.
    ///
    /// # Errors
    /// [`IncidentError::NoHierarchy`] where there is none, and [`IncidentError::CgroupNamespace`]
    /// where a part of a v1 hierarchy would be taken for the whole.
    pub fn find() -> Result<Self, IncidentError> {
        let path = "/proc/self/mountinfo";
        let mountinfo = fs::read(path).map_err(IncidentError::io("cannot read", path))?;
        let found = parse(&mountinfo, |root| {
            fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default()
        })
        .ok_or(IncidentError::NoHierarchy)?;
        let namespace = fs::read_link("/proc/self/ns/cgroup").map_err(IncidentError::io(
            "cannot read the link",
            "/proc/self/ns/cgroup",
        ))?;
        if found.version == Version::V1 && namespace != Path::new(HOST_CGROUP_NAMESPACE) {
            return Err(IncidentError::CgroupNamespace);
        }
        Ok(found)
    }

    /// The file whose reads the incident makes slow.
    #[must_use]
    pub fn memory_stat(&self) -> PathBuf {
        self.root.join("memory.stat")
    }

    /// The incident's cgroup of this number.
    pub(crate) fn cgroup(root: &Path, number: u32) -> PathBuf {
        root.join(format!("{CGROUP_PREFIX}{number}"))
    }

    /// The incident's cgroups that are alive: the worker's while it runs, then leftovers of a
    /// killed maker. Zombies have no directories.
    ///
    /// # Errors
    /// [`IncidentError::Io`] when the root cannot be listed.
    pub fn live_cgroups(&self) -> Result<Vec<PathBuf>, IncidentError> {
        let failed = || IncidentError::io("cannot list", &self.root);
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            if is_ours(&entry.file_name().to_string_lossy()) {
                found.push(entry.path());
            }
        }
        Ok(found)
    }

    /// The file through which the worker moves itself: `tasks` of v1 takes a single thread, which
    /// is all that the worker has, on any kernel.
    pub(crate) fn procs_file(&self) -> &'static str {
        match self.version {
            Version::V1 => "tasks",
            Version::V2 => "cgroup.procs",
        }
    }

    /// Checks without changing anything that cgroups can be made here.
    ///
    /// # Errors
    /// [`IncidentError::NotWritable`] or [`IncidentError::NotDelegated`].
    pub(crate) fn check_writable(&self) -> Result<(), IncidentError> {
        access(&self.root, AccessFlags::W_OK).map_err(|errno| IncidentError::NotWritable {
            path: self.root.clone(),
            source: errno.into(),
        })?;
        let handed_down = self.root.join("cgroup.subtree_control");
        if self.version == Version::V2 {
            let list = fs::read_to_string(&handed_down)
                .map_err(IncidentError::io("cannot read", &handed_down))?;
            if !has_word(&list, "memory") {
                return Err(IncidentError::NotDelegated {
                    path: self.root.clone(),
                });
            }
        }
        Ok(())
    }
}

/// Whether a cgroup of this name is an incident's.
fn is_ours(name: &str) -> bool {
    name.strip_prefix(CGROUP_PREFIX)
        .is_some_and(|number| number.parse::<u32>().is_ok())
}

/// Picks the memory hierarchy from the text of `mountinfo`. A v1 mount of the controller wins:
/// while it exists, v2 cannot have it. `controllers` gives the text of `cgroup.controllers` under a
/// v2 mount point.
fn parse(mountinfo: &[u8], controllers: impl Fn(&Path) -> String) -> Option<Hierarchy> {
    let mounts: Vec<(PathBuf, String, String)> = mountinfo
        .split(|byte| *byte == b'\n')
        .filter_map(parse_line)
        .collect();
    let v1 = mounts.iter().find(|(_, kind, options)| {
        kind == "cgroup" && options.split(',').any(|option| option == "memory")
    });
    let v2 = || {
        mounts
            .iter()
            .find(|(root, kind, _)| kind == "cgroup2" && has_word(&controllers(root), "memory"))
    };
    v1.map(|(root, ..)| Hierarchy {
        version: Version::V1,
        root: root.clone(),
    })
    .or_else(|| {
        v2().map(|(root, ..)| Hierarchy {
            version: Version::V2,
            root: root.clone(),
        })
    })
}

/// One line of `mountinfo`: mount point, file system type and super block options, if the whole
/// file system is mounted there. A mount of a subtree would hide a part of the cgroups.
fn parse_line(line: &[u8]) -> Option<(PathBuf, String, String)> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let dash = fields.iter().position(|field| *field == b"-")?;
    if *fields.get(3)? != b"/" {
        return None;
    }
    let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
    let mount_point = PathBuf::from(OsString::from_vec(unescape(fields.get(4)?)));
    Some((
        mount_point,
        text(fields.get(dash + 1)?),
        text(fields.get(dash + 3)?),
    ))
}

/// The kernel writes space, tab, newline and backslash in paths as `\` and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        let octal = (first == b'\\')
            .then(|| tail.get(..3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal {
            Some(byte) => {
                plain.push(byte);
                rest = &tail[3..];
            }
            None => {
                plain.push(first);
                rest = tail;
            }
        }
    }
    plain
}

fn has_word(text: &str, word: &str) -> bool {
    text.split_whitespace().any(|one| one == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = "25 1 0:23 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
    const HYBRID: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
        33 31 0:30 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n\
        35 31 0:32 / /sys/fs/cgroup/my\\040memory rw,relatime shared:4 - cgroup cgroup rw,memory\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

    #[test]
    fn v1_wins_where_both_are_mounted() {
        let found = parse(HYBRID.as_bytes(), |_| String::new()).unwrap();
        assert_eq!(found.version, Version::V1);
        assert_eq!(found.root, Path::new("/sys/fs/cgroup/my memory"));
        assert_eq!(found.procs_file(), "tasks");
    }

    #[test]
    fn v2_counts_only_with_its_memory_controller() {
        let found = parse(V2.as_bytes(), |_| "cpuset cpu io memory pids\n".into()).unwrap();
        assert_eq!(found.version, Version::V2);
        assert_eq!(found.memory_stat(), Path::new("/sys/fs/cgroup/memory.stat"));
        assert_eq!(parse(V2.as_bytes(), |_| "cpu memory_other\n".into()), None);
    }

    #[test]
    fn a_mounted_part_is_not_the_hierarchy() {
        let part = "35 31 0:32 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        assert_eq!(parse(part.as_bytes(), |_| String::new()), None);
        assert_eq!(parse(b"broken line\n35 31\n", |_| String::new()), None);
    }

    #[test]
    fn only_numbered_cgroups_are_ours() {
        let root = tempfile::tempdir().unwrap();
        for name in [
            "unstall-incident-7",
            "unstall-incident-x",
            "unstall-incident",
            "kubepods",
        ] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        let hierarchy = Hierarchy {
            version: Version::V2,
            root: root.path().into(),
        };
        assert_eq!(
            hierarchy.live_cgroups().unwrap(),
            [Hierarchy::cgroup(root.path(), 7)]
        );
    }
}
