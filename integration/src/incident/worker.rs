//! The process that makes the zombies.
//!
//! It has one thread, because it moves itself through the cgroups, and it is started as a program
//! of its own: forking without exec is not safe in a program with threads.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::process::{hear_signals, maker_is_gone};
use super::{Cancel, Hierarchy, IncidentError};

/// The hidden subcommand, which also tells this process from others.
pub const ROLE: &str = "zombie-worker";

/// How often the worker looks whether its maker is still there, in cgroups.
const LOOK_EVERY: u32 = 64;

/// What the worker may take: a cgroup takes 0.1 ms on a machine at rest, and the write-back at the
/// end waits for a disk that others use as well.
const LIMIT: Duration = Duration::from_secs(120);
const LIMIT_PER_CGROUP: Duration = Duration::from_millis(5);

/// What a worker is told on its command line.
#[derive(Clone, Debug, clap::Args)]
pub struct Task {
    /// The root of the memory hierarchy.
    #[arg(long)]
    pub root: PathBuf,
    /// The name of the file that moves a process.
    #[arg(long)]
    pub procs_file: String,
    /// The shared file.
    #[arg(long)]
    pub file: PathBuf,
    /// How many cgroups.
    #[arg(long)]
    pub count: u32,
    /// The size of one page in bytes.
    #[arg(long)]
    pub page_size: usize,
}

/// The worker itself: for each cgroup it moves in, writes one page of the shared file, which the
/// kernel charges to this cgroup, moves on and removes the directory it left. The last directory is
/// left to the maker.
///
/// # Errors
/// [`IncidentError::Io`] with the path that refused, or [`IncidentError::Cancelled`] when the maker
/// is gone.
pub fn run(task: &Task) -> Result<(), IncidentError> {
    hear_signals().map_err(IncidentError::io("cannot unblock signals for", &task.file))?;
    let file = File::options()
        .write(true)
        .open(&task.file)
        .map_err(IncidentError::io("cannot open", &task.file))?;
    let page = vec![0x55_u8; task.page_size];
    let mut left: Option<PathBuf> = None;
    for index in 0..task.count {
        if index % LOOK_EVERY == 0
            && maker_is_gone(Duration::ZERO).map_err(IncidentError::io("cannot poll", "stdin"))?
        {
            return Err(IncidentError::Cancelled);
        }
        let cgroup = Hierarchy::cgroup(&task.root, index);
        fs::create_dir(&cgroup).map_err(IncidentError::io("cannot make", &cgroup))?;
        let procs = cgroup.join(&task.procs_file);
        fs::write(&procs, "0").map_err(IncidentError::io("cannot write", &procs))?;
        let offset = u64::from(index) * page.len() as u64;
        file.write_all_at(&page, offset)
            .map_err(IncidentError::io("cannot write", &task.file))?;
        if let Some(last) = left.replace(cgroup) {
            fs::remove_dir(&last).map_err(IncidentError::io("cannot remove", &last))?;
        }
    }
    // Dirty pages survive drop_caches, and the incident on ext4 shall be curable.
    file.sync_all()
        .map_err(IncidentError::io("cannot write back", &task.file))
}

/// Starts a worker and waits for its end. `started` gets its number as soon as it has one.
pub(crate) fn start_and_wait(
    program: &Path,
    task: &Task,
    cancel: &Cancel,
    started: impl FnOnce(u32) -> Result<(), IncidentError>,
) -> Result<(), IncidentError> {
    let failed = |why: String| IncidentError::Child { role: ROLE, why };
    let mut child = Command::new(program)
        .arg(ROLE)
        .arg("--root")
        .arg(&task.root)
        .args(["--procs-file", &task.procs_file])
        .arg("--file")
        .arg(&task.file)
        .args([
            "--count",
            &task.count.to_string(),
            "--page-size",
            &task.page_size.to_string(),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(IncidentError::io("cannot start", program))?;
    let until = Instant::now() + LIMIT + LIMIT_PER_CGROUP * task.count;
    let mut outcome = started(child.id());
    let status = loop {
        if let Some(status) = child
            .try_wait()
            .map_err(|error| failed(error.to_string()))?
        {
            break status;
        }
        if outcome.is_ok() && cancel.is_cancelled() {
            outcome = Err(IncidentError::Cancelled);
        }
        if outcome.is_ok() && Instant::now() > until {
            outcome = Err(failed("it took too long and was killed".into()));
        }
        if outcome.is_err() {
            child.kill().map_err(|error| failed(error.to_string()))?;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    outcome?;
    if status.success() {
        return Ok(());
    }
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr
            .read_to_string(&mut said)
            .map_err(|error| failed(error.to_string()))?;
    }
    Err(failed(format!("{status}: {}", said.trim())))
}
