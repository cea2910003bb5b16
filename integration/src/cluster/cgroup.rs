//! The cluster's cgroup in every hierarchy: by it every process of the
//! cluster, pods included, is found and ended.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::sys::statfs::{CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, statfs};
use nix::unistd::Pid;

const MOUNT: &str = "/sys/fs/cgroup";
/// The leaf for what is not a pod. On cgroup v2 a group with controllers for
/// its children may hold no process itself.
const SYSTEM: &str = "system";

/// The mounted hierarchies: one on cgroup v2, one per controller on v1.
fn hierarchies() -> Vec<PathBuf> {
    let is_cgroup = |path: &Path| {
        statfs(path).is_ok_and(|fs| {
            fs.filesystem_type() == CGROUP_SUPER_MAGIC
                || fs.filesystem_type() == CGROUP2_SUPER_MAGIC
        })
    };
    let mount = Path::new(MOUNT);
    if is_cgroup(mount) {
        return vec![mount.to_owned()];
    }
    let entries = fs::read_dir(mount).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        // cpu -> cpu,cpuacct and the like are links to the same hierarchy.
        .filter(|path| !path.is_symlink() && path.is_dir() && is_cgroup(path))
        .collect();
    found.sort();
    found
}

/// Makes the cgroup `name` in every hierarchy.
///
/// # Errors
/// When a hierarchy cannot be written.
pub fn create(name: &str) -> Result<()> {
    for hierarchy in hierarchies() {
        let group = hierarchy.join(name);
        for dir in [&group, &group.join(SYSTEM)] {
            match fs::create_dir(dir) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    return Err(error)
                        .with_context(|| format!("cannot make cgroup {}", dir.display()));
                }
                _ => inherit_cpuset(dir)?,
            }
        }
    }
    Ok(())
}

/// A new v1 cpuset is empty and takes no process until it is filled.
fn inherit_cpuset(dir: &Path) -> Result<()> {
    let Some(parent) = dir.parent() else {
        return Ok(());
    };
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let (own, inherited) = (dir.join(file), parent.join(file));
        if let Ok(value) = fs::read_to_string(inherited)
            && fs::read_to_string(&own).is_ok_and(|now| now.trim().is_empty())
        {
            fs::write(&own, value.trim())
                .with_context(|| format!("cannot fill {}", own.display()))?;
        }
    }
    Ok(())
}

/// Moves process `pid` into the cgroup's leaf for system processes.
///
/// # Errors
/// When the process is gone or a hierarchy refuses it.
pub fn adopt(name: &str, pid: u32) -> Result<()> {
    for hierarchy in hierarchies() {
        let file = hierarchy.join(name).join(SYSTEM).join("cgroup.procs");
        fs::write(&file, pid.to_string())
            .with_context(|| format!("cannot move process {pid} into {}", file.display()))?;
    }
    Ok(())
}

/// The processes in the cgroup, in any hierarchy.
#[must_use]
pub fn processes(name: &str) -> Vec<Pid> {
    let mut pids: Vec<i32> = hierarchies()
        .iter()
        .flat_map(|hierarchy| tree(&hierarchy.join(name)))
        .filter_map(|dir| fs::read_to_string(dir.join("cgroup.procs")).ok())
        .flat_map(|text| {
            text.lines()
                .filter_map(|line| line.parse().ok())
                .collect::<Vec<i32>>()
        })
        .collect();
    pids.sort_unstable();
    pids.dedup();
    pids.into_iter().map(Pid::from_raw).collect()
}

/// Whether anything of the cgroup is left.
#[must_use]
pub fn exists(name: &str) -> bool {
    hierarchies()
        .iter()
        .any(|hierarchy| hierarchy.join(name).exists())
}

/// Kills every process of the cgroup and removes it everywhere.
///
/// # Errors
/// When a process survives SIGKILL for `limit`, for instance one that waits in
/// the kernel.
pub fn destroy(name: &str, limit: Duration) -> Result<()> {
    let deadline = Instant::now() + limit;
    loop {
        let left = processes(name);
        if left.is_empty() && remove(name) {
            return Ok(());
        }
        for pid in &left {
            // Gone in the meantime is what is wanted.
            let _ = kill(*pid, Signal::SIGKILL);
        }
        if Instant::now() > deadline {
            let pids: Vec<String> = left.iter().map(ToString::to_string).collect();
            bail!(
                "cgroup {name} is still there after {} s; processes: [{}]",
                limit.as_secs(),
                pids.join(" ")
            );
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn remove(name: &str) -> bool {
    for hierarchy in hierarchies() {
        for dir in tree(&hierarchy.join(name)).iter().rev() {
            // Busy groups are tried again by the caller's loop.
            let _ = fs::remove_dir(dir);
        }
    }
    !exists(name)
}

/// `dir` and all groups below it, parents first.
fn tree(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut next = if dir.is_dir() {
        vec![dir.to_owned()]
    } else {
        Vec::new()
    };
    while let Some(dir) = next.pop() {
        let children = fs::read_dir(&dir).into_iter().flatten().flatten();
        next.extend(
            children
                .map(|entry| entry.path())
                .filter(|path| path.is_dir()),
        );
        found.push(dir);
    }
    found.sort();
    found
}
