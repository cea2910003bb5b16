//! `node-probe probe`: the loop that joins measuring, judging and publishing.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use kube::Client;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use unstall_crds::health::{NodeHealth, NodeHealthStatus};
use unstall_crds::units::KernelVersion;

use super::command::{self, Live};
use super::due::{Written, is_due};
use super::errand::{Errand, Orders, Said};
use super::host_look::HostLooks;
use super::object::{self, Target};
use super::resume::resumed;
use super::rules::{Asked, asked, rules};
use super::status::{Facts, Inputs, Now, status};
use crate::cli::duration;
use crate::host_state::{HostFiles, SentinelPath};
use crate::jitter::Jitter;
use crate::judge::{Judge, Thresholds};
use crate::log;
use crate::metrics::{Address, Metrics, Moment, Page, listen, serve};
use crate::pace::{Mode, Pace};
use crate::sample::{Buffer, Hierarchy, Host, Observation, Roots, monotonic};
use crate::sampler::Sampler;
use crate::time::MonotonicTime;

/// Something is looked at at least this often: samples go stale, writes fail.
const TICK: Duration = Duration::from_secs(5);
/// Until the object says how often to report.
const REPORT_INTERVAL: Duration = Duration::from_mins(5);
/// After a failed write: doubled each time, from the first to the last.
const RETRY_FIRST: Duration = Duration::from_secs(2);
const RETRY_LAST: Duration = Duration::from_secs(60);

/// Measure, judge what policies ask for, and publish the node's NodeHealth
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// Where the host's proc and sys/fs/cgroup are: / on a host, /host in a pod
    #[arg(long, default_value = "/", value_name = "DIR")]
    root: PathBuf,
    /// Time between samples while nothing is wrong, 1s to 10m; a dear read earns a longer pause
    #[arg(long, default_value = "60s", value_name = "DURATION", value_parser = interval)]
    interval: Duration,
    /// Name of this node, which is that of its NodeHealth
    #[arg(long, env = "NODE_NAME", value_name = "NAME")]
    node_name: String,
    /// Where to answer /metrics, /healthz and /readyz: :9469 for every address, or ADDRESS:PORT
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<Address>,
    /// Where the host's boot, etc/os-release and run are: / on a host, /host in a pod; without it
    /// neither the kernel of the next boot nor a wanted reboot is reported
    #[arg(long, value_name = "DIR")]
    host_root: Option<PathBuf>,
    /// File on the host that says by being there that a reboot is wanted; by default the
    /// distribution's own, /run/reboot-required
    #[arg(long, value_name = "PATH", requires = "host_root")]
    reboot_sentinel: Option<SentinelPath>,
    /// Unix socket of the actuator; without it every command goes unanswered
    #[arg(long, value_name = "PATH")]
    actuator_socket: Option<PathBuf>,
}

/// Runs the probe until it is told to stop.
#[must_use]
pub fn run(args: ProbeArgs) -> ExitCode {
    let pace = Pace {
        quiet: args.interval,
        fast: Pace::default().fast.min(args.interval),
    };
    run_at(args, pace)
}

/// As [`run`], at a pace that no argument asks for: months in minutes.
#[must_use]
pub fn run_at(args: ProbeArgs, pace: Pace) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(probe(args, pace)),
        Err(error) => Err(format!("cannot start: {error}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("node-probe probe: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn probe(args: ProbeArgs, pace: Pace) -> Result<(), String> {
    let roots = roots(&args.root);
    let (samples, mut observed) = mpsc::unbounded_channel();
    let sampler = Sampler::start(roots.clone(), pace, move |observation| {
        // The receiver is gone only when the probe ends.
        let _ = samples.send(observation);
    })
    .map_err(|error| format!("cannot start the sampling thread: {error}"))?;
    let client = object::connect().await?;
    let (seen, mut objects) = mpsc::unbounded_channel();
    tokio::spawn(object::watch(client.clone(), args.node_name.clone(), seen));
    let (orders, ordered) = watch::channel(Orders::default());
    let (said, mut answers) = mpsc::unbounded_channel();
    let (pages, mut asked) = mpsc::channel(1);
    if let Some(address) = args.listen {
        tokio::spawn(serve(listen(address).await?, pages));
    }
    let (wrote, mut writes) = mpsc::unbounded_channel();
    let (told, mut looks) = mpsc::unbounded_channel();
    let files = args.host_root.map(|root| HostFiles {
        root,
        sentinel: args.reboot_sentinel,
    });
    let looker = HostLooks::new(files, told);
    let judge = Judge::new(Thresholds::default(), pace);
    let mut probe = Probe::new(client.clone(), orders, wrote, facts(&roots), looker, judge);
    if let Some(socket) = args.actuator_socket {
        probe.has_actuator = true;
        let live = Live {
            client: client.clone(),
            node: args.node_name.clone(),
        };
        tokio::spawn(command::serve(socket, live, ordered, said));
    }
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    log::info(
        "probe started",
        &[
            ("node", &args.node_name),
            ("version", &env!("CARGO_PKG_VERSION")),
        ],
    );
    let mut ticks = ticks(TICK);
    loop {
        tokio::select! {
            Some(observation) = observed.recv() => probe.observe(&observation),
            Some(object) = objects.recv() => probe.take_object(object),
            Some(answer) = answers.recv() => probe.hear(answer),
            Some(write) = writes.recv() => probe.wrote(write),
            Some(state) = looks.recv() => probe.looks.take(state),
            Some(page) = asked.recv() => {
                probe.answer(page, sampler.in_flight());
                continue;
            }
            _ = ticks.tick() => {}
            _ = terminate.recv() => return Ok(()),
        }
        sampler.set_mode(probe.mode());
        probe.publish(sampler.in_flight());
    }
}

/// Ticks that come whatever else happens in between: a wait that is given up for a page
/// goes on at the next turn.
fn ticks(every: Duration) -> Interval {
    let mut ticks = tokio::time::interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// A write that has ended.
struct Wrote {
    to: Target,
    status: NodeHealthStatus,
    at: MonotonicTime,
    result: Result<(), String>,
}

/// Everything between the inputs and the API server.
struct Probe {
    client: Client,
    has_actuator: bool,
    orders: watch::Sender<Orders>,
    wrote: mpsc::UnboundedSender<Wrote>,
    facts: Facts,
    looks: HostLooks,
    started: MonotonicTime,
    kernel: Option<KernelVersion>,
    judge: Judge,
    metrics: Metrics,
    asked: Vec<Asked>,
    object: Option<NodeHealth>,
    on_record: NodeHealthStatus,
    written: Option<Written>,
    is_writing: bool,
    retry: Option<(MonotonicTime, Duration)>,
    errand: Errand,
    jitter: Jitter,
}

impl Probe {
    fn new(
        client: Client,
        orders: watch::Sender<Orders>,
        wrote: mpsc::UnboundedSender<Wrote>,
        facts: Facts,
        looks: HostLooks,
        judge: Judge,
    ) -> Self {
        Self {
            client,
            has_actuator: false,
            orders,
            wrote,
            kernel: facts
                .kernel_release
                .as_ref()
                .and_then(|text| text.parse().ok()),
            facts,
            looks,
            started: monotonic(),
            judge,
            metrics: Metrics::default(),
            asked: Vec::new(),
            object: None,
            on_record: NodeHealthStatus::default(),
            written: None,
            is_writing: false,
            retry: None,
            errand: Errand::default(),
            jitter: Jitter::seeded(),
        }
    }

    fn observe(&mut self, observation: &Observation) {
        self.judge.observe(observation);
        self.metrics.observe(observation);
    }

    fn answer(&self, page: Page, in_flight: Option<Duration>) {
        // Whoever asked may have hung up.
        match page {
            Page::Metrics(to) => {
                let now = monotonic();
                let verdict = self.judge.verdict(now).while_in_flight(in_flight);
                let _ = to.send(self.metrics.render(&Moment {
                    judge: &self.judge,
                    level: verdict.level,
                    in_flight,
                    actuator: self.errand.silence().is_none(),
                    running: self.facts.kernel_release.as_deref(),
                    next_boot: self.looks.known(self.report_interval(), now),
                }));
            }
            Page::Ready(to) => drop(to.send(self.readiness())),
            Page::Health(to) => drop(to.send(())),
        }
    }

    /// Ready once others can see what it says.
    fn readiness(&self) -> Result<(), String> {
        match (&self.object, &self.written) {
            (None, _) => {
                Err("there is no NodeHealth of this node yet: the controller makes it".to_owned())
            }
            (Some(_), None) => Err("the NodeHealth could not be written yet".to_owned()),
            (Some(_), Some(_)) => Ok(()),
        }
    }

    fn take_object(&mut self, object: Option<NodeHealth>) {
        let is_first = self.object.is_none();
        // One made again under its name knows nothing of what was written to the last one.
        let uid =
            |object: &Option<NodeHealth>| object.as_ref().and_then(|it| it.metadata.uid.clone());
        if !is_first && uid(&object) != uid(&self.object) {
            self.written = None;
            self.on_record = NodeHealthStatus::default();
        }
        if let Some(object) = &object {
            self.asked = asked(&object.spec.triggers, self.kernel.as_ref());
            self.judge.set_rules(rules(&self.asked), monotonic());
            // After a restart of the probe, what it said before still holds.
            if let (true, Some(before)) = (is_first, &object.status) {
                let rules = rules(&self.asked);
                let now = now();
                for (rule, state, since) in resumed(&rules, before, &self.facts, now) {
                    self.judge.resume(rule, state, since, now.monotonic);
                }
                self.on_record = before.clone();
                self.errand.resume(before.command.clone(), now);
            }
        }
        self.object = object;
        self.order();
    }

    fn hear(&mut self, said: Said) {
        let now = now();
        if let Some(error) = self.errand.hear(said, now) {
            log::warn("actuator", &[("error", &error)]);
        }
        self.errand.measure(&self.judge, now);
        self.order();
    }

    fn report_interval(&self) -> Duration {
        let object = self.object.as_ref();
        object.map_or(REPORT_INTERVAL, |it| it.spec.report_interval.get())
    }

    /// Tells whoever speaks with the actuator, if anything changed.
    fn order(&self) {
        let spec = self.object.as_ref().map(|object| &object.spec);
        let command = spec.and_then(|spec| spec.command.clone());
        let next = Orders {
            node_uid: spec.map(|spec| spec.node_uid.clone()),
            ..self.errand.orders(command)
        };
        self.orders.send_if_modified(|orders| {
            let is_new = *orders != next;
            *orders = next;
            is_new
        });
    }

    /// As eager as a trigger is that is being confirmed, or a cure that is verified.
    fn mode(&self) -> Mode {
        if self.errand.is_at_work() {
            return Mode::Fast;
        }
        let verified = self.errand.ended().and_then(|ended| {
            let now = now().monotonic;
            let rules = rules(&self.asked);
            let wanted = rules
                .iter()
                .map(|rule| self.judge.mode_of_proof(rule, ended, now));
            wanted.max()
        });
        self.judge.mode().max(verified.unwrap_or_default())
    }

    /// Judges, and begins a write if one is due. Nobody waits for it: an API server that does not
    /// answer must not keep this loop from judging and from its pages.
    fn publish(&mut self, in_flight: Option<Duration>) {
        let now = now();
        self.judge.evaluate(now.monotonic);
        self.errand.measure(&self.judge, now);
        let interval = self.report_interval();
        self.looks.begin(interval, now.monotonic);
        let Some(object) = &self.object else { return };
        let is_paused = self.retry.is_some_and(|(after, _)| now.monotonic < after);
        if is_paused || self.is_writing || self.looks.is_awaited(now.monotonic) {
            return;
        }
        let inputs = Inputs {
            facts: &self.facts,
            next_boot: self.looks.known(interval, now.monotonic),
            started: self.started,
            asked: &self.asked,
            generation: object.metadata.generation,
            in_flight,
            silence: self.errand.silence(),
            reboots: self.errand.reboots(),
            has_actuator: self.has_actuator,
            command: self.errand.command(),
            command_ended: self.errand.ended(),
            before: &self.on_record,
        };
        let next = status(&self.judge, &inputs, now);
        if !is_due(
            &next,
            &self.on_record,
            self.written,
            interval,
            now.monotonic,
        ) {
            return;
        }
        self.is_writing = true;
        let (client, to, wrote) = (self.client.clone(), Target::of(object), self.wrote.clone());
        tokio::spawn(async move {
            let result = object::write(&client, &to, &next).await;
            // The receiver is gone only when the probe ends.
            let _ = wrote.send(Wrote {
                to,
                status: next,
                at: now.monotonic,
                result,
            });
        });
    }

    fn wrote(&mut self, write: Wrote) {
        self.is_writing = false;
        self.metrics.wrote(write.result.is_ok());
        match write.result {
            Ok(()) => {
                self.retry = None;
                // Another object by now knows nothing of it.
                if self.object.as_ref().map(Target::of) == Some(write.to) {
                    self.on_record = write.status;
                    self.written = Some(Written {
                        at: write.at,
                        jitter: self.jitter.draw(),
                    });
                }
            }
            Err(error) => {
                let pause = self
                    .retry
                    .map_or(RETRY_FIRST, |(_, last)| (last * 2).min(RETRY_LAST));
                log::warn(
                    "status not written",
                    &[("error", &error), ("again_in_s", &pause.as_secs())],
                );
                self.retry = Some((monotonic().after(pause), pause));
            }
        }
    }
}

fn now() -> Now {
    Now {
        monotonic: monotonic(),
        wall: Timestamp::now(),
    }
}

fn roots(root: &Path) -> Roots {
    let mut roots = Roots::under(root);
    if root != Path::new("/") {
        // What the container runtime mounted for this container itself.
        roots.own_cgroup = Some(PathBuf::from("/sys/fs/cgroup"));
    }
    roots
}

fn facts(roots: &Roots) -> Facts {
    let host = Host::discover(roots, &mut Buffer::default());
    for problem in [
        host.boot_id.as_ref().err(),
        host.kernel_release.as_ref().err(),
    ]
    .into_iter()
    .flatten()
    {
        log::warn("cannot be read", &[("error", problem)]);
    }
    Facts {
        boot_id: host.boot_id.ok(),
        kernel_release: host.kernel_release.ok(),
        cgroup_version: host.memory.ok().map(|memory| match memory.hierarchy {
            Hierarchy::V1 => 1,
            Hierarchy::V2 => 2,
        }),
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration::parse(text)?;
    if !(Duration::from_secs(1)..=Duration::from_mins(10)).contains(&interval) {
        return Err(format!("{text} is not between 1s and 10m"));
    }
    Ok(interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_comes_however_often_its_wait_is_given_up() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let came = runtime.block_on(async {
            let mut ticks = ticks(Duration::from_millis(500));
            for _ in 0..1_000 {
                let turn = Duration::from_millis(20);
                if tokio::time::timeout(turn, ticks.tick()).await.is_ok() {
                    return true;
                }
            }
            false
        });
        assert!(came);
    }
}
