//! Why an incident could not be made, measured or cleaned up.

use std::io;
use std::path::PathBuf;

use super::Backing;

/// Each variant is one sentence for a person: what is wrong, the value, and the way out.
#[derive(Debug, thiserror::Error)]
pub enum IncidentError {
    /// Only root may make memory cgroups at the top of the hierarchy.
    #[error("an incident needs root, and this process runs as uid {uid}: run it with sudo")]
    NotRoot {
        /// The effective user ID.
        uid: u32,
    },
    /// No mount of the memory controller was found.
    #[error(
        "no memory cgroup hierarchy is mounted here (/proc/self/mountinfo has neither a cgroup \
         v1 mount with `memory` nor a cgroup v2 mount whose cgroup.controllers lists it): mount \
         one, or use another machine"
    )]
    NoHierarchy,
    /// The hierarchy is there but new cgroups cannot be made in it.
    #[error(
        "the memory cgroup hierarchy at {} cannot be written: remount it read-write",
        path.display()
    )]
    NotWritable {
        /// The directory that refused.
        path: PathBuf,
        /// What the kernel answered.
        source: io::Error,
    },
    /// cgroup v2: the parent does not hand the memory controller down.
    #[error(
        "cgroup v2 gives no memory controller to children of {path}: run `echo +memory > \
         {path}/cgroup.subtree_control`", path = path.display()
    )]
    NotDelegated {
        /// The root of the hierarchy.
        path: PathBuf,
    },
    /// cgroup v1 counts zombies machine-wide, but this process sees a part of the hierarchy.
    #[error(
        "this process lives in a cgroup namespace and sees only a part of the cgroup v1 \
         hierarchy, so zombies cannot be counted: run it in the host's cgroup namespace"
    )]
    CgroupNamespace,
    /// No directory has the wanted file system.
    #[error(
        "no writable directory on {backing} was found (tried {}): name one with --directory",
        tried.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    NoDirectory {
        /// The wanted file system.
        backing: Backing,
        /// The directories that were looked at.
        tried: Vec<PathBuf>,
    },
    /// The directory that the caller named has another file system.
    #[error(
        "{} is not on {wanted}: name a directory that is, or none to have one found",
        directory.display()
    )]
    WrongFileSystem {
        /// The directory that was named.
        directory: PathBuf,
        /// The wanted file system.
        wanted: Backing,
    },
    /// The file would not fit.
    #[error(
        "the shared file needs {need_mib} MiB and {} has {free_mib} MiB free: ask for fewer \
         zombies, or name another place with --directory", directory.display()
    )]
    NoSpace {
        /// Where the file would be.
        directory: PathBuf,
        /// Its size with the margin.
        need_mib: u64,
        /// What is free there.
        free_mib: u64,
    },
    /// No zombies were asked for.
    #[error("0 zombies were asked for: ask for at least 1")]
    NoneAsked,
    /// The machine's memory cannot hold that many.
    #[error(
        "{asked} zombies need {need_mib} MiB of memory ({bytes_each} bytes each and \
         {margin_mib} MiB of margin), and MemAvailable is {available_mib} MiB: ask for at most \
         {fit}"
    )]
    TooMany {
        /// The number asked for.
        asked: u32,
        /// What they need, with the margin.
        need_mib: u64,
        /// What one zombie takes, in bytes.
        bytes_each: u64,
        /// What must stay free.
        margin_mib: u64,
        /// `MemAvailable` of `/proc/meminfo`.
        available_mib: u64,
        /// The largest number that this machine can hold now.
        fit: u64,
    },
    /// Another maker holds the machine.
    #[error(
        "an incident is already running on this machine, made by process {holder}, which holds \
         {}: end it with `kill -TERM {holder}`, or wait for it with --wait", path.display()
    )]
    Busy {
        /// The process that holds the lock, or `unknown`.
        holder: String,
        /// The lock file.
        path: PathBuf,
    },
    /// The worker ran, but the kernel's count says otherwise.
    #[error(
        "{asked} zombies were asked for, and the machine's count went from {before} to {after}, \
         which is not that many (tolerance {tolerance})"
    )]
    WrongCount {
        /// The number asked for.
        asked: u32,
        /// The machine's zombies before.
        before: u64,
        /// The machine's zombies after.
        after: u64,
        /// By how much the rise may differ from `asked`.
        tolerance: u64,
    },
    /// The zombies of this machine cannot be counted.
    #[error("the zombie memory cgroups of this machine are unknown: {why}")]
    Unknown {
        /// Which file lacks which row.
        why: String,
    },
    /// A child process of the incident failed.
    #[error("the {role} process of the incident failed: {why}")]
    Child {
        /// `zombie-worker` or `pulser`.
        role: &'static str,
        /// What it said, or how it ended.
        why: String,
    },
    /// The caller cancelled it.
    #[error("cancelled")]
    Cancelled,
    /// A file of the incident holds something else than was written.
    #[error(
        "the state file {} does not hold an incident's state: look at it, remove it by hand, \
         and then run `incident clean`",
        path.display()
    )]
    BadState {
        /// The file.
        path: PathBuf,
        /// Where it stops making sense.
        source: serde_json::Error,
    },
    /// A file or process could not be used.
    #[error("{doing} {}", path.display())]
    Io {
        /// What was tried, as in `cannot read`.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the kernel answered.
        source: io::Error,
    },
}

impl IncidentError {
    /// For `map_err`: adds what was being done, on which path.
    pub(crate) fn io(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }
}
