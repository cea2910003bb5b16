//! Where the kernel's files are.

use std::path::{Path, PathBuf};

/// The trees that the probe reads: procfs and the host's cgroup hierarchies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// A procfs. In a pod: the host's, mounted read-only.
    pub proc: PathBuf,
    /// The host's `/sys/fs/cgroup`.
    pub cgroup: PathBuf,
    /// `/sys/fs/cgroup` as the container runtime mounted it for this container,
    /// where that is another tree than `cgroup`. With a cgroup namespace the
    /// probe's own cgroup can be found only there.
    pub own_cgroup: Option<PathBuf>,
}

impl Roots {
    /// `proc` and `sys/fs/cgroup` below `root`: `/` on a host, `/host` or the
    /// like where a pod mounts them, a fixture tree in a test.
    #[must_use]
    pub fn under(root: &Path) -> Self {
        Self {
            proc: root.join("proc"),
            cgroup: root.join("sys/fs/cgroup"),
            own_cgroup: None,
        }
    }
}
