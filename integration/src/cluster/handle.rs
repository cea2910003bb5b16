//! What tests and commands hold of a cluster.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use super::guest::GuestAccess;
use super::layout::Layout;
use super::reader::Reader;
use super::state::{Phase, State};
use super::sweep::{sweep, try_lock};
use super::toolchain::{Toolchain, ensure};

/// How a cluster is to be.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// Its name on this machine.
    pub name: String,
    /// Whether this machine is its node (needs root).
    pub node: bool,
    /// OCI archives to import on the node.
    pub images: Vec<PathBuf>,
    /// The names of virtual machines that shall be its nodes.
    pub guests: Vec<String>,
    /// The loopback port of the API server; 0 takes a free one.
    pub port: u16,
    /// The `cluster` program, which the supervisor runs as.
    pub program: PathBuf,
    /// Gives up the start once it is set, as after Ctrl-C.
    pub cancel: Arc<AtomicBool>,
}

/// A running cluster.
///
/// One that was started by [`Cluster::attached`] ends when this is dropped and
/// also when this process ends in any way. One from [`Cluster::detached`] goes
/// on until [`Cluster::down`].
#[derive(Debug)]
pub struct Cluster {
    layout: Layout,
    toolchain: Toolchain,
    state: State,
    supervisor: Option<Child>,
    reader: OnceLock<Reader>,
}

/// `kubectl` with a cluster's administrator's rights.
#[derive(Debug, Clone)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Cluster {
    /// Starts a cluster that ends with the returned value or this process.
    ///
    /// # Errors
    /// When its programs cannot be built or it does not come up.
    pub fn attached(options: &ClusterOptions) -> Result<Self> {
        Self::start(options, true, &mut |_| ())
    }

    /// Starts a cluster that outlives this process; one of the same name that
    /// is already up is taken as it is. `tell` hears what it is doing.
    ///
    /// # Errors
    /// As [`Cluster::attached`].
    pub fn detached(options: &ClusterOptions, tell: &mut dyn FnMut(&str)) -> Result<Self> {
        match Self::find(&options.name)? {
            Some(cluster) => Ok(cluster),
            None => Self::start(options, false, tell),
        }
    }

    /// The running cluster called `name`, if there is one.
    ///
    /// # Errors
    /// When the name is not valid or the state directory cannot be used.
    pub fn find(name: &str) -> Result<Option<Self>> {
        let layout = Layout::new(name)?;
        if !layout.state().exists() || !layout.is_held() {
            return Ok(None);
        }
        let Some(state) = State::read(&layout.state()) else {
            return Ok(None);
        };
        if state.phase != Phase::Ready {
            bail!("cluster {name} is {:?}: {}", state.phase, state.message);
        }
        let toolchain = ensure(state.node.is_some())?;
        Ok(Some(Self {
            layout,
            toolchain,
            state,
            supervisor: None,
            reader: OnceLock::new(),
        }))
    }

    fn start(options: &ClusterOptions, attached: bool, tell: &mut dyn FnMut(&str)) -> Result<Self> {
        if options.node && !nix::unistd::geteuid().is_root() {
            bail!("a node needs root: run as root, or ask for a control plane alone");
        }
        let layout = Layout::new(&options.name)?;
        let toolchain = ensure(options.node)?;
        sweep(&layout)?;
        sweep_dead()?;
        let mut supervisor = spawn_supervisor(&layout, options, attached)?;
        match wait_ready(&layout, &mut supervisor, &options.cancel, tell) {
            Ok(state) => Ok(Self {
                layout,
                toolchain,
                state,
                supervisor: Some(supervisor),
                reader: OnceLock::new(),
            }),
            Err(error) => {
                let failed = supervisor.try_wait()?.is_some();
                drop(supervisor.stdin.take());
                if !failed {
                    take_down(&layout)?;
                }
                let _ = supervisor.wait();
                // The logs of components that failed stay, for people to read.
                if failed && !layout.state().exists() {
                    sweep(&layout)?;
                }
                Err(error)
            }
        }
    }

    /// `kubectl` for this cluster.
    #[must_use]
    pub fn kubectl(&self) -> Kubectl {
        Kubectl {
            program: self.toolchain.program("kubectl"),
            kubeconfig: self.state.kubeconfig.clone(),
        }
    }

    /// Reads its objects without a process for each look.
    ///
    /// # Errors
    /// When its kubeconfig is not valid.
    pub fn reader(&self) -> Result<&Reader> {
        if let Some(reader) = self.reader.get() {
            return Ok(reader);
        }
        let reader = Reader::new(&self.state.kubeconfig)?;
        Ok(self.reader.get_or_init(|| reader))
    }

    /// A `helm` command for this cluster, without the user's own settings.
    #[must_use]
    pub fn helm(&self) -> Command {
        let mut command = Command::new(self.toolchain.program("helm"));
        let home = self.layout.data().join("helm");
        command.env("KUBECONFIG", &self.state.kubeconfig);
        for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(name, home.join(name));
        }
        command
    }

    /// What the virtual machine `name` needs to be a node; it must be one of
    /// [`ClusterOptions::guests`].
    ///
    /// # Errors
    /// When it is none of them.
    pub fn guest(&self, name: &str) -> Result<GuestAccess> {
        GuestAccess::read(&self.layout, &self.state, name)
    }

    /// What the supervisor said when it became ready.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Its files.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Takes the cluster down and waits until nothing of it is left.
    ///
    /// # Errors
    /// When it does not end in 40 s or something of it cannot be removed.
    pub fn down(mut self) -> Result<()> {
        self.stop()
    }

    /// Lets go of an attached cluster as a killed starter would: its supervisor
    /// takes it down by itself, after this returned.
    pub fn abandon(mut self) {
        self.supervisor = None;
    }

    fn stop(&mut self) -> Result<()> {
        let Some(mut supervisor) = self.supervisor.take() else {
            return take_down(&self.layout);
        };
        drop(supervisor.stdin.take());
        let result = take_down(&self.layout);
        let _ = supervisor.wait();
        result
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let attached = self
            .supervisor
            .as_ref()
            .is_some_and(|child| child.stdin.is_some());
        if attached && let Err(error) = self.stop() {
            eprintln!("cluster {}: {error:#}", self.layout.name());
        }
    }
}

impl Kubectl {
    /// `kubectl` at `program` with `kubeconfig`.
    #[must_use]
    pub fn new(program: &Path, kubeconfig: &Path) -> Self {
        Self {
            program: program.to_owned(),
            kubeconfig: kubeconfig.to_owned(),
        }
    }

    /// The program.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The kubeconfig it is given.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A command that can be given arguments and input.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env("KUBECONFIG", &self.kubeconfig);
        command
    }

    /// Runs `kubectl` with `args` and returns what it printed, whatever its
    /// exit code.
    ///
    /// # Errors
    /// When the program cannot be run.
    pub fn try_run<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Output> {
        self.command()
            .args(args)
            .stdin(Stdio::null())
            .output()
            .context("cannot run kubectl")
    }

    /// Runs `kubectl` with `args` and returns its standard output.
    ///
    /// # Errors
    /// When it fails, with what it said.
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<String> {
        let output = self.try_run(args)?;
        if !output.status.success() {
            let words: Vec<_> = args
                .iter()
                .map(|arg| arg.as_ref().to_string_lossy())
                .collect();
            bail!(
                "kubectl {}: {}",
                words.join(" "),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Takes down the cluster of `layout`, running or left over.
///
/// # Errors
/// When it does not end in 40 s or something of it cannot be removed.
pub fn take_down(layout: &Layout) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(40);
    while try_lock(&layout.lock())?.is_none() {
        if let Some(state) = State::read(&layout.state()) {
            // The state may still be that of an earlier supervisor, whose
            // number somebody else may have by now.
            let _ = state.process.signal(Signal::SIGTERM);
        }
        if Instant::now() > deadline {
            bail!(
                "cluster {} did not end in 40 s: see {}",
                layout.name(),
                layout.logs().display()
            );
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    sweep(layout)
}

/// Removes what killed supervisors left, whatever their cluster's name.
fn sweep_dead() -> Result<()> {
    for name in Layout::known() {
        let layout = Layout::new(&name)?;
        if !layout.is_held() {
            eprintln!("removing what is left of cluster {name}, whose supervisor was killed");
            sweep(&layout)?;
        }
    }
    Ok(())
}

fn spawn_supervisor(layout: &Layout, options: &ClusterOptions, attached: bool) -> Result<Child> {
    let log_path = layout.supervisor_log();
    let log = match log_path.parent().map(fs::create_dir_all) {
        Some(Err(error)) => Err(error),
        _ => fs::File::create(&log_path),
    }
    .with_context(|| format!("cannot create {}", log_path.display()))?;
    let mut command = Command::new(&options.program);
    command.args([
        "serve",
        "--name",
        &options.name,
        "--port",
        &options.port.to_string(),
    ]);
    if options.node {
        command.arg("--node");
    }
    for image in &options.images {
        command.arg("--image").arg(image);
    }
    for guest in &options.guests {
        command.args(["--guest", guest]);
    }
    if attached {
        command.arg("--attached").stdin(Stdio::piped());
    } else {
        command.stdin(Stdio::null());
    }
    // Its own process group: Ctrl-C at the terminal is for the starter, which
    // then ends the cluster in order.
    command
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .with_context(|| format!("cannot start {}", options.program.display()))
}

fn wait_ready(
    layout: &Layout,
    supervisor: &mut Child,
    cancel: &AtomicBool,
    tell: &mut dyn FnMut(&str),
) -> Result<State> {
    let mut told = String::new();
    loop {
        if cancel.load(Ordering::SeqCst) {
            bail!("interrupted while the cluster was starting");
        }
        if supervisor.try_wait()?.is_some() {
            let text = fs::read_to_string(layout.supervisor_log()).unwrap_or_default();
            // The supervisor is this program too, and says so first.
            let why = text.trim().trim_start_matches("cluster: ");
            bail!("cluster {} did not start: {why}", layout.name());
        }
        // A state of an earlier supervisor was swept away before this one.
        if let Some(state) = State::read(&layout.state()) {
            if state.phase == Phase::Ready {
                return Ok(state);
            }
            if state.phase == Phase::Starting && state.message != told {
                tell(&state.message);
                told = state.message;
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Writes the last lines of every log of a cluster to `to`, for a test that
/// failed.
///
/// # Errors
/// When the logs cannot be read.
pub fn tail_logs(layout: &Layout, lines: usize) -> Result<String> {
    let mut text = String::new();
    for entry in fs::read_dir(layout.logs())? {
        let path = entry?.path();
        let log = fs::read_to_string(&path).unwrap_or_default();
        let all: Vec<&str> = log.lines().collect();
        let tail = all
            .get(all.len().saturating_sub(lines)..)
            .unwrap_or_default()
            .join("\n");
        text.push_str(&format!("--- {}\n{tail}\n", path.display()));
    }
    Ok(text)
}
