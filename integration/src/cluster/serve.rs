//! The supervisor: one process that holds a cluster's namespaces, starts its
//! components in order, starts again what ends, and takes all of it down.

use std::fs;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;

use super::control_plane::{ControlPlane, inside};
use super::host_node::HostNode;
use super::layout::Layout;
use super::pki::Authority;
use super::process::Component;
use super::state::{ComponentState, Phase, State};
use super::sweep::{remove_file, sweep_locked, try_lock};
use super::toolchain::Toolchain;
use super::turn::Turn;
use super::{cgroup, forward, guest, host_paths, kubeconfig, network};
use crate::process_id::ProcessId;

const START_LIMIT: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// As systemd or a kubelet would do with a static pod; a component that ends
/// sooner than this after its start waits this long.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// What a supervisor is started with.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The cluster's files.
    pub layout: Layout,
    /// Its programs.
    pub toolchain: Toolchain,
    /// The name of this machine as a node; `None` for a control plane alone.
    pub node: Option<String>,
    /// OCI archives to import on the node.
    pub images: Vec<PathBuf>,
    /// Virtual machines that shall be nodes.
    pub guests: Vec<String>,
    /// The loopback port of the API server; 0 takes a free one.
    pub port: u16,
    /// End when standard input does: the starter's life is then the cluster's.
    pub attached: bool,
}

/// Runs a cluster until SIGTERM, SIGINT or, if attached, the end of standard
/// input. Must be called while the process has one thread.
///
/// # Errors
/// When another cluster of that name (or, with a node, any other node) runs on
/// this machine, or a component does not come up. The state file says so too.
pub fn serve(options: &ServeOptions) -> Result<()> {
    let layout = &options.layout;
    let Some(_lock) = try_lock(&layout.lock())? else {
        bail!(
            "cluster {} is already running on this machine",
            layout.name()
        );
    };
    let node_lock = layout.run().with_file_name("host-node.lock");
    let held = match options.node {
        Some(_) => Some(lock_node(&node_lock)?),
        None => None,
    };
    let outcome = serve_locked(options);
    if held.is_some() {
        remove_file(&node_lock)?;
    }
    if outcome.is_ok() {
        // Nothing is left but what is held open here.
        remove_file(&layout.supervisor_log())?;
        remove_file(&layout.lock())?;
    }
    outcome
}

fn serve_locked(options: &ServeOptions) -> Result<()> {
    let layout = &options.layout;
    sweep_locked(layout)?;
    fs::create_dir_all(layout.run())?;
    fs::create_dir_all(layout.logs())?;
    fs::write(layout.marker(), "")?;

    let listener = TcpListener::bind(("127.0.0.1", options.port)).with_context(|| {
        format!(
            "port {} of 127.0.0.1 is taken: choose another, or 0 for a free one",
            options.port
        )
    })?;
    let signals = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    signals.thread_block()?;
    let signals = SignalFd::new(&signals)?;
    network::enter()?;
    if options.node.is_some() {
        host_paths::cover(layout)?;
    }
    cgroup::create(&layout.cgroup())?;

    let mut supervisor = Supervisor::new(options, &listener)?;
    forward::spawn(listener);
    let outcome = supervisor.run(&signals);
    supervisor.end(outcome)
}

fn lock_node(path: &Path) -> Result<fs::File> {
    try_lock(path)?.context(
        "another cluster uses this machine as its node; dead cgroups and drop_caches are \
         machine-wide, so there can be one: see `cluster status`",
    )
}

struct Supervisor<'a> {
    options: &'a ServeOptions,
    components: Vec<Component>,
    state: State,
    started: Instant,
}

/// Why the supervisor's loop ended without an error.
struct ToldToStop;

impl<'a> Supervisor<'a> {
    fn new(options: &'a ServeOptions, listener: &TcpListener) -> Result<Self> {
        let state = State {
            process: ProcessId::of(std::process::id())?,
            phase: Phase::Starting,
            message: String::new(),
            server: format!("https://{}", listener.local_addr()?),
            kubeconfig: options.layout.kubeconfig(),
            node: options.node.clone(),
            ready_after_seconds: None,
            components: Vec::new(),
        };
        Ok(Self {
            options,
            components: Vec::new(),
            state,
            started: Instant::now(),
        })
    }

    fn run(&mut self, signals: &SignalFd) -> Result<ToldToStop> {
        let Some(turn) = self.turn(signals)? else {
            return Ok(ToldToStop);
        };
        if !self.start_all(signals)? {
            return Ok(ToldToStop);
        }
        turn.give_back()?;
        while !self.look(signals)? {}
        Ok(ToldToStop)
    }

    /// Waits for this cluster's turn to start; nothing where it is told to stop.
    fn turn(&mut self, signals: &SignalFd) -> Result<Option<Turn>> {
        let run = self.options.layout.run();
        let dir = run.parent().context("a cluster's directory has a parent")?;
        self.say("waiting until other clusters of this machine have started")?;
        loop {
            if let Some(turn) = Turn::take(dir)? {
                self.started = Instant::now();
                return Ok(Some(turn));
            }
            if self.look(signals)? {
                return Ok(None);
            }
        }
    }

    /// Starts everything and waits until it is ready; returns whether it is, and not told to stop.
    fn start_all(&mut self, signals: &SignalFd) -> Result<bool> {
        let (layout, toolchain) = (&self.options.layout, &self.options.toolchain);
        self.say("starting etcd and kube-apiserver")?;
        let authority = Authority::new(&layout.pki())?;
        let admin = authority.client("admin", "kubernetes-admin", &["system:masters"])?;
        kubeconfig::write(
            &layout.kubeconfig(),
            &self.state.server,
            &authority.ca(),
            &admin,
        )?;
        for name in &self.options.guests {
            guest::issue(&authority, name)?;
        }
        let plane = ControlPlane::prepare(layout, &authority)?;
        self.start(plane.etcd(layout, toolchain))?;
        self.start(plane.apiserver(layout, toolchain))?;

        let node = match &self.options.node {
            Some(name) => Some(HostNode::prepare(layout, toolchain, &authority, name)?),
            None => None,
        };
        if let Some(node) = &node {
            self.start(node.containerd())?;
            node.import(layout, &self.options.images)?;
        }
        let steps = [
            ("waiting for kube-apiserver", Wait::ApiServer),
            (
                "waiting for the default service account",
                Wait::ServiceAccount,
            ),
            ("waiting for the node to be Ready", Wait::Node),
        ];
        for (message, wait) in steps {
            self.say(message)?;
            while !self.reached(&wait, node.as_ref()) {
                if self.look(signals)? {
                    return Ok(false);
                }
                if self.started.elapsed() > START_LIMIT {
                    bail!(
                        "{message}: not reached in {} s; logs are in {}",
                        START_LIMIT.as_secs(),
                        layout.logs().display()
                    );
                }
            }
            if matches!(wait, Wait::ApiServer) {
                for spec in [
                    plane.controller_manager(layout, toolchain),
                    plane.scheduler(layout, toolchain),
                ] {
                    if toolchain.has(spec.name) {
                        self.start(spec)?;
                    }
                }
                if let Some(node) = &node {
                    self.start(node.kubelet())?;
                }
            }
        }
        self.state.phase = Phase::Ready;
        self.state.ready_after_seconds = Some(self.started.elapsed().as_secs_f32());
        self.say("ready")?;
        Ok(true)
    }

    fn start(&mut self, spec: super::process::Spec) -> Result<()> {
        self.components
            .push(Component::start(&self.options.layout, spec)?);
        self.publish()
    }

    fn reached(&self, wait: &Wait, node: Option<&HostNode>) -> bool {
        let kubectl = |args: &[&str]| {
            let output = Command::new(self.options.toolchain.program("kubectl"))
                .arg(format!("--kubeconfig={}", self.state.kubeconfig.display()))
                .arg(format!("--server={}", inside()))
                .arg("--request-timeout=5s")
                .args(args)
                .output();
            output.ok().filter(|o| o.status.success()).map(|o| o.stdout)
        };
        match (wait, node) {
            (Wait::ApiServer, _) => kubectl(&["get", "--raw=/readyz"]).is_some(),
            // Nobody makes one without a controller manager.
            (Wait::ServiceAccount, _) => {
                !self.options.toolchain.has("kube-controller-manager")
                    || kubectl(&["get", "serviceaccount", "default", "--namespace=default"])
                        .is_some()
            }
            (Wait::Node, None) => true,
            (Wait::Node, Some(node)) => {
                // Ready, and the controller manager has taken its taint away.
                let path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}{.spec.taints}";
                kubectl(&["get", "node", node.name(), "-o", path]).is_some_and(|out| out == b"True")
            }
        }
    }

    /// Waits a moment; starts again what ended. Returns whether to stop.
    fn look(&mut self, signals: &SignalFd) -> Result<bool> {
        let stdin = std::io::stdin();
        let mut fds = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        if self.options.attached {
            fds.push(PollFd::new(stdin_fd(&stdin), PollFlags::POLLIN));
        }
        let timeout = PollTimeout::try_from(LOOK_EVERY).unwrap_or(PollTimeout::ZERO);
        if poll(&mut fds, timeout)? > 0 {
            return Ok(true);
        }
        for component in &mut self.components {
            let Some(status) = component.ended() else {
                continue;
            };
            if component.started().elapsed() < RESTART_DELAY {
                continue;
            }
            eprintln!("{} ended ({status}); starting it again", component.name());
            component.restart(&self.options.layout)?;
            self.state.message = format!(
                "{} ended ({status}) and was started again",
                component.name()
            );
        }
        self.publish_changes()?;
        Ok(false)
    }

    fn say(&mut self, message: &str) -> Result<()> {
        self.state.message = message.to_owned();
        self.publish()
    }

    fn publish_changes(&mut self) -> Result<()> {
        let changed = self
            .components
            .iter()
            .zip(&self.state.components)
            .any(|(now, told)| now.pid() != told.pid);
        if changed { self.publish() } else { Ok(()) }
    }

    fn publish(&mut self) -> Result<()> {
        self.state.components = self
            .components
            .iter()
            .map(|component| ComponentState {
                name: component.name().to_owned(),
                pid: component.pid(),
                restarts: component.restarts(),
            })
            .collect();
        self.state.write(&self.options.layout.state())
    }

    /// Ends everything. After a failed start the logs stay for people to read.
    fn end(mut self, outcome: Result<ToldToStop>) -> Result<()> {
        let layout = &self.options.layout;
        let ended = cgroup::destroy(&layout.cgroup(), Duration::from_secs(15));
        for component in &mut self.components {
            component.reap();
        }
        match outcome {
            Ok(ToldToStop) => ended.and_then(|()| sweep_locked(layout)),
            Err(error) => {
                self.state.phase = Phase::Failed;
                self.state.message = format!("{error:#}");
                self.state.components.clear();
                self.state.write(&layout.state())?;
                Err(error)
            }
        }
    }
}

enum Wait {
    ApiServer,
    ServiceAccount,
    Node,
}

fn stdin_fd(stdin: &std::io::Stdin) -> BorrowedFd<'_> {
    stdin.as_fd()
}
