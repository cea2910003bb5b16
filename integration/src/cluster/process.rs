//! One component of the cluster as a child process with a log file.

use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};
use nix::sys::prctl;
use nix::sys::signal::Signal;

use super::cgroup;
use super::layout::Layout;

/// How a component is started.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Also the name of its log.
    pub name: &'static str,
    /// The program's path.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Directories put in front of `PATH`.
    pub path: Option<PathBuf>,
}

/// A started component.
#[derive(Debug)]
pub struct Component {
    spec: Spec,
    child: Child,
    started: Instant,
    restarts: u32,
}

impl Component {
    /// Starts `spec` in the cluster's cgroup, its output in its log.
    ///
    /// It dies with the calling *thread* (`PR_SET_PDEATHSIG`), so call this
    /// from the supervisor's main thread.
    ///
    /// # Errors
    /// When the log cannot be opened or the program not be started.
    pub fn start(layout: &Layout, spec: Spec) -> Result<Self> {
        let child = spawn(layout, &spec)?;
        Ok(Self {
            spec,
            child,
            started: Instant::now(),
            restarts: 0,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.spec.name
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How often it was started again.
    #[must_use]
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// When it was started last.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// How it ended, if it did.
    #[must_use]
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Starts it again after it ended.
    ///
    /// # Errors
    /// As [`Component::start`].
    pub fn restart(&mut self, layout: &Layout) -> Result<()> {
        self.child = spawn(layout, &self.spec)?;
        self.started = Instant::now();
        self.restarts += 1;
        Ok(())
    }

    /// Waits for a process that was told or forced to end.
    pub fn reap(&mut self) {
        // Already reaped is what is wanted.
        let _ = self.child.wait();
    }
}

fn spawn(layout: &Layout, spec: &Spec) -> Result<Child> {
    let log = append(layout, spec.name)?;
    let mut command = Command::new(&spec.program);
    command
        .args(&spec.args)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    if let Some(dir) = &spec.path {
        let inherited = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{inherited}", dir.display()));
    }
    // SAFETY: the closure makes one prctl system call and allocates nothing.
    unsafe {
        command.pre_exec(|| prctl::set_pdeathsig(Signal::SIGKILL).map_err(Into::into));
    }
    let child = command
        .spawn()
        .with_context(|| format!("cannot start {} ({})", spec.name, spec.program.display()))?;
    cgroup::adopt(&layout.cgroup(), child.id())?;
    Ok(child)
}

fn append(layout: &Layout, name: &str) -> Result<File> {
    let path = layout.log(name);
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("cannot open log {}", path.display()))
}
