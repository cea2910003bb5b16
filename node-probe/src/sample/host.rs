//! What kind of host this is: kernel, boot, and where memory is accounted.

use std::fmt;
use std::path::{Path, PathBuf};

use super::error::SampleError;
use super::file::{Buffer, KeptFile, first_line};
use super::roots::Roots;

/// Which cgroup hierarchies are mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CgroupVersion {
    /// One hierarchy per controller.
    V1,
    /// The unified hierarchy alone.
    V2,
    /// The unified hierarchy beside those of version 1.
    Hybrid,
}

impl fmt::Display for CgroupVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::Hybrid => "hybrid",
        })
    }
}

/// The version of the hierarchy that the memory controller is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hierarchy {
    /// A version 1 hierarchy.
    V1,
    /// The unified hierarchy.
    V2,
}

impl fmt::Display for Hierarchy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        })
    }
}

/// The memory controller's hierarchy, at its true root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryRoot {
    /// The hierarchies that are mounted.
    pub version: CgroupVersion,
    /// The one that the memory controller is on.
    pub hierarchy: Hierarchy,
    /// The root cgroup's directory.
    pub dir: PathBuf,
}

/// What is constant for one boot. Each part may be unreadable by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The running kernel, as `uname -r` prints it.
    pub kernel_release: Result<String, SampleError>,
    /// Changes with every boot and only then.
    pub boot_id: Result<String, SampleError>,
    /// Where memory is accounted.
    pub memory: Result<MemoryRoot, SampleError>,
}

impl Host {
    /// Reads all of it once.
    #[must_use]
    pub fn discover(roots: &Roots, buffer: &mut Buffer) -> Self {
        let kernel = roots.proc.join("sys/kernel");
        Self {
            kernel_release: release(kernel.join("osrelease"), buffer),
            boot_id: boot_id(kernel.join("random/boot_id"), buffer),
            memory: MemoryRoot::discover(&roots.cgroup, buffer),
        }
    }
}

/// The kernel's own bound on its release (`__NEW_UTS_LEN`).
const RELEASE_MAX: usize = 64;

/// The release, which goes into messages and into the node's status as it is.
fn release(path: PathBuf, buffer: &mut Buffer) -> Result<String, SampleError> {
    let text = first_line(path.clone(), buffer)?;
    let is_release = (1..=RELEASE_MAX).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_release {
        return Ok(text);
    }
    Err(SampleError::malformed(
        &path,
        "a kernel release",
        text.as_bytes(),
    ))
}

/// The boot ID, which must look like the UUID that it is: it will be compared.
fn boot_id(path: PathBuf, buffer: &mut Buffer) -> Result<String, SampleError> {
    let id = first_line(path.clone(), buffer)?;
    let groups: Vec<usize> = id.split('-').map(str::len).collect();
    let hex = id
        .bytes()
        .all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    if groups != [8, 4, 4, 4, 12] || !hex {
        return Err(SampleError::malformed(&path, "a UUID", id.as_bytes()));
    }
    Ok(id)
}

impl MemoryRoot {
    /// Finds the memory controller below `cgroup`, the host's
    /// `/sys/fs/cgroup`.
    ///
    /// # Errors
    /// [`SampleError::Unusable`] if there is none, or if what is mounted is not
    /// the root of the hierarchy: a cgroup namespace or a container runtime's
    /// bind mount shows one cgroup as if it were the root, and its cheap
    /// `memory.stat` would pass for the node's.
    pub fn discover(cgroup: &Path, buffer: &mut Buffer) -> Result<Self, SampleError> {
        if cgroup.join("cgroup.controllers").exists() {
            return Self::unified(cgroup.to_owned(), CgroupVersion::V2, buffer);
        }
        let unified = cgroup.join("unified");
        let is_hybrid = unified.join("cgroup.controllers").exists();
        let version = if is_hybrid {
            CgroupVersion::Hybrid
        } else {
            CgroupVersion::V1
        };
        let dir = cgroup.join("memory");
        if dir.join("memory.stat").exists() {
            require_v1_root(&dir)?;
            return Ok(Self {
                version,
                hierarchy: Hierarchy::V1,
                dir,
            });
        }
        if is_hybrid {
            return Self::unified(unified, version, buffer);
        }
        let why = "no memory cgroups found; mount the host's /sys/fs/cgroup there, or the kernel \
                   runs without the memory controller";
        Err(SampleError::Unusable {
            path: cgroup.to_owned(),
            why,
        })
    }

    fn unified(
        dir: PathBuf,
        version: CgroupVersion,
        buffer: &mut Buffer,
    ) -> Result<Self, SampleError> {
        let path = dir.join("cgroup.controllers");
        if !has_memory(path.clone(), buffer)? {
            let why = "the memory controller is not on this hierarchy; enable it on the kernel \
                       command line (cgroup_enable=memory) or mount its version 1 hierarchy";
            return Err(SampleError::Unusable { path, why });
        }
        require_v2_root(&dir)?;
        Ok(Self {
            version,
            hierarchy: Hierarchy::V2,
            dir,
        })
    }

    /// The root's `memory.stat`.
    #[must_use]
    pub fn stat(&self) -> PathBuf {
        self.dir.join("memory.stat")
    }
}

/// Whether `path`, a `cgroup.controllers`, names the memory controller.
fn has_memory(path: PathBuf, buffer: &mut Buffer) -> Result<bool, SampleError> {
    let file = KeptFile::open(path)?;
    if file.pread(buffer)? == 0 {
        // Every controller is on version 1.
        return Ok(false);
    }
    let rows = file.read(buffer)?;
    let names = rows.lines().next().unwrap_or_default();
    Ok(names.split_ascii_whitespace().any(|name| name == "memory"))
}

const NOT_THE_ROOT: &str = "this is one cgroup, not the root of the hierarchy; mount the host's \
                            /sys/fs/cgroup (a hostPath volume) and pass its parent as the root";

/// Version 1 has `cgroup.sane_behavior` and `release_agent` in the root alone.
fn require_v1_root(dir: &Path) -> Result<(), SampleError> {
    if dir.join("cgroup.sane_behavior").exists() || dir.join("release_agent").exists() {
        return Ok(());
    }
    Err(SampleError::Unusable {
        path: dir.to_owned(),
        why: NOT_THE_ROOT,
    })
}

/// Version 2 has `cgroup.events` and `cgroup.type` in every cgroup but the root.
fn require_v2_root(dir: &Path) -> Result<(), SampleError> {
    if dir.join("cgroup.events").exists() || dir.join("cgroup.type").exists() {
        return Err(SampleError::Unusable {
            path: dir.to_owned(),
            why: NOT_THE_ROOT,
        });
    }
    Ok(())
}
