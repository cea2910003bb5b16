//! Removes what a cluster left: processes, cgroups, files. Mounts, bridges
//! and network interfaces went with the last process of its namespaces.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::mount::{MntFlags, umount2};

use super::cgroup;
use super::host_paths;
use super::layout::Layout;
use super::state::State;

/// Removes what the cluster of `layout` left. Does nothing where nothing is.
///
/// # Errors
/// When the cluster still runs, or a process or file cannot be removed.
pub fn sweep(layout: &Layout) -> Result<()> {
    let traces = [
        layout.run().to_owned(),
        layout.data().to_owned(),
        layout.lock(),
    ];
    if !traces.iter().any(|path| path.exists()) && !cgroup::exists(&layout.cgroup()) {
        return Ok(());
    }
    let Some(lock) = try_lock(&layout.lock())? else {
        let pid = State::read(&layout.state())
            .map_or_else(String::new, |s| format!(" (process {})", s.process.pid));
        bail!(
            "cluster {} is running{pid}: take it down first",
            layout.name()
        );
    };
    sweep_locked(layout)?;
    remove_file(&layout.supervisor_log())?;
    remove_file(&layout.lock())?;
    drop(lock);
    Ok(())
}

/// As [`sweep`], by the holder of the cluster's lock, which stays.
pub fn sweep_locked(layout: &Layout) -> Result<()> {
    cgroup::destroy(&layout.cgroup(), Duration::from_secs(15))?;
    host_paths::uncover(layout)?;
    for dir in [layout.data(), layout.run()] {
        unmount_below(dir)?;
        remove_dir(dir)?;
    }
    Ok(())
}

/// Takes the lock at `path`, which the kernel releases with its holder;
/// `None` when another process has it.
///
/// # Errors
/// When the file cannot be created, opened or locked.
pub fn try_lock(path: &Path) -> Result<Option<File>> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    }
    loop {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .with_context(|| format!("cannot open lock {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        // Its last holder may have removed the file between open and lock:
        // such a lock would be held beside that of the next file.
        let held = file.metadata()?.ino();
        if fs::metadata(path).is_ok_and(|there| there.ino() == held) {
            return Ok(Some(file));
        }
    }
}

/// Removes a file that may be gone already.
pub fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Detaches what is mounted below `dir` in this process's own namespace: the
/// supervisor sweeps from inside, where pods' volumes are still mounted.
fn unmount_below(dir: &Path) -> Result<()> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let points = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(Path::new);
    let mut below: Vec<&Path> = points.filter(|point| point.starts_with(dir)).collect();
    // What is mounted on another mount goes first.
    below.sort_by_key(|point| std::cmp::Reverse(point.components().count()));
    for point in below {
        umount2(point, MntFlags::MNT_DETACH)
            .with_context(|| format!("cannot unmount {}", point.display()))?;
    }
    Ok(())
}

/// Mounts of a namespace that just died can keep a directory busy for a
/// moment, so this tries for up to five seconds.
fn remove_dir(dir: &Path) -> Result<()> {
    let mut tries = 0;
    loop {
        match fs::remove_dir_all(dir) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(_) if tries < 50 => std::thread::sleep(Duration::from_millis(100)),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot remove {}", dir.display()));
            }
        }
        tries += 1;
    }
}
