//! `node-probe actuate`: the command line and the order of the start.

use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};

use super::drop_caches::DropSettings;
use super::execute::{Actuator, RebootSettings, Settings};
use super::journal::{JournalError, JournalFile};
use super::keys;
use super::limit::Limits;
use super::logind::Logind;
use super::reclaim::ReclaimSettings;
use super::sandbox::{self, SandboxError};
use super::seccomp::Reach;
use super::selftest;
use super::server::{self, BindError};
use crate::cli::duration;
use crate::log;
use crate::sample::Roots;

/// The user that the chart gives the probe, and nothing else on a node.
const PROBE_UID: u32 = 61_321;

/// How far two clocks of one cluster may differ.
const MAX_SKEW: Duration = Duration::from_mins(1);

/// How long a stopping actuator waits for the command that it interrupts: a killed child may take
/// 2 s to leave the kernel, and the chart gives 20 s.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// For one conversation with logind: a probe waits 15 s for an answer, and before a reboot there
/// is one.
const LOGIND_LIMIT: Duration = Duration::from_secs(8);

/// For a logind that took a reboot and says that it is not at it.
const IDLE_LIMIT: Duration = Duration::from_secs(30);

/// Obey signed commands from a Unix socket: the part of Unstall that acts on a node
#[derive(Debug, Args)]
pub struct ActuateArgs {
    /// Unix socket to listen on, in a directory shared with the probe
    #[arg(
        long,
        default_value = "/run/unstall/actuator.sock",
        value_name = "PATH"
    )]
    socket: PathBuf,
    /// Directory on the host's disk that keeps the journal
    #[arg(long, default_value = "/var/lib/unstall", value_name = "DIR")]
    journal_dir: PathBuf,
    /// Directory of the controller's Ed25519 public keys, one per *.pub file
    #[arg(long, default_value = "/etc/unstall/keys", value_name = "DIR")]
    keys_dir: PathBuf,
    /// The host's /proc/sys/vm/drop_caches, where it is mounted writable
    #[arg(long, default_value = "/host/drop_caches", value_name = "PATH")]
    drop_caches_file: PathBuf,
    /// memory.reclaim of the cgroup that holds all pods, where it is mounted writable; an automatic
    /// dropCaches then begins with it
    #[arg(long, value_name = "PATH", requires = "cgroup_stat_file")]
    memory_reclaim_file: Option<PathBuf>,
    /// The host's root cgroup.stat: it says when enough was reclaimed
    #[arg(long, value_name = "PATH")]
    cgroup_stat_file: Option<PathBuf>,
    /// Name of this node; commands for another are refused
    #[arg(long, env = "NODE_NAME", value_name = "NAME", value_parser = node_name)]
    node_name: String,
    /// The only user that may ask
    #[arg(long, default_value_t = PROBE_UID, value_name = "UID")]
    probe_uid: u32,
    /// Shortest time from the start of one action to the next
    #[arg(long, default_value = "1m", value_name = "DURATION", value_parser = duration::parse)]
    min_interval: Duration,
    /// Most actions in any 24 hours
    #[arg(long, default_value_t = 24, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=200))]
    daily_cap: u32,
    /// Longest time from a command's issue to its expiry
    #[arg(long, default_value = "10m", value_name = "DURATION", value_parser = duration::parse)]
    max_lifetime: Duration,
    /// Longest time for one command: sync, reclaim, drop and passes together; its expiry ends it too
    #[arg(long, default_value = "2m", value_name = "DURATION", value_parser = duration::parse)]
    command_timeout: Duration,
    /// The host's system bus, to ask logind for reboots; without it they are refused. Whoever holds
    /// that bus is root on the host
    #[arg(long, value_name = "PATH")]
    dbus_socket: Option<PathBuf>,
    /// Time from a reboot's begin after which the log says that the machine is still there
    #[arg(long, default_value = "10m", value_name = "DURATION", value_parser = duration::parse)]
    reboot_timeout: Duration,
    /// Enter the sandbox, try what it must refuse, print each answer and exit
    #[arg(long)]
    self_test: bool,
    /// Where this process's own kernel files are
    #[arg(long, hide = true, default_value = "/", value_name = "DIR")]
    root: PathBuf,
}

/// Why the actuator did not start, or the self-test did not hold.
#[derive(Debug, thiserror::Error)]
enum ActuateError {
    #[error("the sandbox cannot be entered: {0}")]
    Sandbox(SandboxError),
    #[error("{0}")]
    Journal(JournalError),
    #[error("{0}")]
    Bind(BindError),
    #[error("waiting for signals: {0}")]
    Signals(std::io::Error),
    #[error("the self-test found {0} answers that must not be")]
    SelfTest(usize),
}

/// Runs the actuator until it is told to stop, and then ends the process. Must be called by the
/// process's first thread while it is the only one: capabilities are each thread's own.
///
/// Returns at once with 1 when it cannot start, and after the self-test that was asked for.
#[must_use]
pub fn run(args: ActuateArgs) -> ExitCode {
    match start(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("node-probe actuate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: ActuateArgs) -> Result<(), ActuateError> {
    let reach = match args.dbus_socket {
        Some(_) => Reach::ProbeAndBus,
        None => Reach::Probe,
    };
    sandbox::enter(reach).map_err(ActuateError::Sandbox)?;
    if args.self_test {
        return self_test(reach);
    }
    let signals = block_signals().map_err(|errno| ActuateError::Signals(errno.into()))?;
    let journal = JournalFile::open(&args.journal_dir).map_err(ActuateError::Journal)?;
    let listener = server::bind(&args.socket).map_err(ActuateError::Bind)?;
    let probe_uid = args.probe_uid;
    log_start(&args);
    let actuator = Arc::new(Actuator::new(settings(args), journal));
    if let Err(message) = actuator.recover() {
        log::warn("commands will be refused", &[("message", &message)]);
    }
    let stopping = Arc::clone(&actuator);
    thread::Builder::new()
        .spawn(move || stop_on_signal(signals, &stopping))
        .map_err(ActuateError::Signals)?;
    server::serve(&listener, &actuator, probe_uid)
}

fn settings(args: ActuateArgs) -> Settings {
    let roots = Roots::under(&args.root);
    let drop = DropSettings {
        file: args.drop_caches_file,
        proc_root: roots.proc.clone(),
        sync_limit: Duration::from_secs(30),
        settle_limit: Duration::from_secs(10),
        settle_poll: Duration::from_secs(1),
        total_limit: args.command_timeout,
        reclaim: args
            .memory_reclaim_file
            .zip(args.cgroup_stat_file)
            .map(|(file, cgroup_stat)| ReclaimSettings {
                file,
                cgroup_stat,
                pause: Duration::from_millis(250),
                step_limit: Duration::from_secs(10),
            }),
    };
    let limits = Limits {
        min_interval: args.min_interval,
        daily_cap: args.daily_cap,
        max_skew: MAX_SKEW,
        max_lifetime: args.max_lifetime,
    };
    let reboot = args.dbus_socket.map(|socket| RebootSettings {
        logind: Logind {
            socket,
            limit: LOGIND_LIMIT,
        },
        limit: args.reboot_timeout,
        poll: Duration::from_secs(2),
        idle_limit: IDLE_LIMIT.min(args.reboot_timeout / 2),
    });
    Settings {
        node_name: args.node_name,
        keys_dir: args.keys_dir,
        roots,
        limits,
        drop,
        reboot,
    }
}

fn log_start(args: &ActuateArgs) {
    let set = keys::read_keys(&args.keys_dir);
    let ids: Vec<_> = set.keys.iter().map(|key| key.id.as_str()).collect();
    log::info(
        "actuator started",
        &[
            ("version", &env!("CARGO_PKG_VERSION")),
            ("node", &args.node_name),
            ("socket", &args.socket.display()),
            ("probe_uid", &args.probe_uid),
            ("keys", &ids.join(",")),
            ("reboots", &args.dbus_socket.is_some()),
        ],
    );
    for problem in &set.problems {
        log::warn("public key not used", &[("problem", problem)]);
    }
}

/// SIGTERM and SIGINT wait for [`stop_on_signal`]. As process 1 of a container they would
/// otherwise be ignored.
fn block_signals() -> Result<SigSet, Errno> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.thread_block()?;
    Ok(signals)
}

fn stop_on_signal(signals: SigSet, actuator: &Actuator) {
    let signal = loop {
        match signals.wait() {
            Ok(signal) => break signal,
            Err(Errno::EINTR) => {}
            Err(_) => process::exit(1),
        }
    };
    actuator.stop();
    let asked = Instant::now();
    while !actuator.is_idle() && asked.elapsed() < STOP_LIMIT {
        thread::sleep(Duration::from_millis(20));
    }
    log::info("actuator stopped", &[("signal", &signal)]);
    process::exit(0)
}

fn self_test(reach: Reach) -> Result<(), ActuateError> {
    let attempts = selftest::attempts(reach);
    for attempt in &attempts {
        println!("{}", attempt.line());
    }
    match attempts.iter().filter(|attempt| !attempt.holds()).count() {
        0 => Ok(()),
        failed => Err(ActuateError::SelfTest(failed)),
    }
}

fn node_name(text: &str) -> Result<String, &'static str> {
    match text {
        "" => Err("it is empty: set it from the downward API, fieldRef spec.nodeName"),
        name => Ok(name.to_owned()),
    }
}
