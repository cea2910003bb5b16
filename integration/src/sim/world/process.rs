//! The controller's processes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use kube::Client;
use tokio::task::JoinHandle;
use unstall_controller::lead::{self, lease::Terms};
use unstall_controller::{Looks, Replica, Stop, machine};
use unstall_decide::Limits;

use super::played::Played;
use super::wire::Wire;
use super::{Sim, Task, World};
use crate::sim::api::kind::Kind;
use crate::sim::trace::Actor;

/// A controller's process, and what happens to it.
pub struct Process {
    pub name: String,
    /// The machine of the process that runs now.
    pub machine: Option<Arc<Played>>,
    /// The pod that it runs in.
    pub pod: Option<String>,
    /// Counts its starts.
    pub starts: u64,
    /// Nothing passes between it and the API server until then.
    pub cut_until: Duration,
    /// Its watches of these kinds tell nothing until then.
    stalled: BTreeMap<Kind, Duration>,
    pub stop: Stop,
    /// By how many milliseconds its clock is ahead.
    pub skew: i64,
    pub frozen_at: Duration,
    pub thawed_at: Duration,
}

/// What all replicas are started with.
pub struct Settings {
    pub signing_key: String,
    pub terms: Terms,
    pub looks: Looks,
    /// How long probes take to report again, in percent of what is asked of them.
    pub pace_of_probes: u32,
}

impl Process {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            machine: None,
            pod: None,
            starts: 0,
            cut_until: Duration::ZERO,
            stalled: BTreeMap::new(),
            stop: Stop::default(),
            skew: 0,
            frozen_at: Duration::ZERO,
            thawed_at: Duration::ZERO,
        }
    }

    /// How it calls itself, anew with each start.
    pub fn identity(&self) -> String {
        format!("{}_{}", self.name, self.starts)
    }

    pub fn is_cut(&self, now: Duration) -> bool {
        now < self.cut_until
    }

    /// How long it is still cut off, if it is.
    pub fn cut_for(&self, now: Duration) -> Option<Duration> {
        self.cut_until.checked_sub(now).filter(|it| !it.is_zero())
    }

    /// Until when its watches of `kind` tell nothing.
    pub fn stalled(&self, kind: Kind) -> Duration {
        self.stalled.get(&kind).copied().unwrap_or_default()
    }

    /// All watches tell again.
    pub fn end_stalls(&mut self) {
        self.stalled.clear();
    }

    pub fn stall(&mut self, kind: Kind, until: Duration) {
        self.stalled.insert(kind, until);
    }
}

/// Starts the process of this number; how it ends is entered into the agenda.
pub fn start(sim: &Arc<Sim>, number: usize) {
    let Some(replica) = sim.with(|world| prepare(sim, world, number)) else {
        return;
    };
    let Prepared {
        replica,
        machine,
        stop,
        start,
    } = replica;
    let machine: Arc<dyn machine::Machine> = machine;
    let running: JoinHandle<anyhow::Result<()>> = machine::on(&machine, replica.serve(stop));
    let sim = Arc::clone(sim);
    tokio::task::spawn_local(async move {
        let ended = running.await;
        let text = match ended {
            Ok(Ok(())) => "ends as it was told".to_owned(),
            Ok(Err(error)) => format!("ends: {error:#}"),
            Err(error) if error.is_cancelled() => "is gone".to_owned(),
            Err(error) => format!("PANICKED: {error}"),
        };
        sim.with(|world| world.process_ended(number, start, &text));
    });
}

struct Prepared {
    replica: Replica,
    machine: Arc<Played>,
    stop: Stop,
    start: u64,
}

fn prepare(sim: &Arc<Sim>, world: &mut World, number: usize) -> Option<Prepared> {
    let wire = Wire {
        sim: Arc::clone(sim),
        process: number,
    };
    let client = Client::new(wire, "default");
    let chance = world.chance.fork();
    let machine = Played::new(sim.began, chance);
    if !world.may_run(number) {
        return None;
    }
    world.disturb(Duration::ZERO);
    let process = &mut world.processes[number];
    machine.set_clock(process.skew);
    process.machine = Some(Arc::clone(&machine));
    process.starts += 1;
    process.stop = Stop::default();
    let settings = &world.settings;
    let replica = Replica::simulated(
        client,
        &settings.signing_key,
        lead::Options {
            namespace: "unstall-system".to_owned(),
            lease: "unstall-controller".to_owned(),
            identity: process.identity(),
            terms: settings.terms,
        },
        Limits {
            record_age: SignedDuration::from_hours(6),
            ..Limits::default()
        },
        settings.looks,
    );
    let (start, stop) = (process.starts, process.stop.clone());
    world
        .trace
        .note(world.now, Actor::Process(number), "starts");
    Some(Prepared {
        replica: replica.ok()?,
        machine,
        stop,
        start,
    })
}

impl World {
    /// Ends a process as SIGKILL does; its pod is started again.
    pub fn kill(&mut self, number: usize) {
        let process = &mut self.processes[number];
        if let Some(machine) = process.machine.take() {
            machine.kill();
        }
        self.watchers.retain(|_, watcher| watcher.process != number);
    }

    /// A process has ended; kubelets start it again, later each time.
    fn process_ended(&mut self, number: usize, start: u64, text: &str) {
        self.trace.note(self.now, Actor::Process(number), text);
        if text.starts_with("PANICKED") {
            self.law.broken(self.now, "panic", text);
        }
        let process = &mut self.processes[number];
        if process.starts != start {
            return;
        }
        process.machine = None;
        self.watchers.retain(|_, watcher| watcher.process != number);
        let pause = self.chance.seconds(2, 40);
        self.agenda.enter(self.now + pause, Task::Start(number));
    }

    /// Whether a process does not run, and its pod does.
    fn may_run(&self, number: usize) -> bool {
        let process = &self.processes[number];
        let pod = process.pod.as_ref();
        let pod = pod.and_then(|key| self.store.get(Kind::Pod, key));
        let node = pod.and_then(|pod| pod["spec"]["nodeName"].as_str());
        let host = node.and_then(|node| self.hosts.get(node));
        process.machine.is_none() && host.is_some_and(|host| host.is_up)
    }

    /// A pod of the controller runs: a process of its own, or the one that ran in it.
    pub fn own_pod_runs(&mut self, key: &str) {
        let of_pod = |it: &Process| it.pod.as_deref() == Some(key);
        let number = self.processes.iter().position(of_pod);
        let free = || self.processes.iter().position(|it| it.pod.is_none());
        let Some(number) = number.or_else(free) else {
            return;
        };
        self.processes[number].pod = Some(key.to_owned());
        self.agenda.enter(self.now, Task::Start(number));
    }

    /// The process in a pod is told to end, as kubelets do first.
    pub fn own_pod_leaves(&self, key: &str) {
        let mut own = self.processes.iter();
        if let Some(process) = own.find(|it| it.pod.as_deref() == Some(key)) {
            process.stop.tell();
        }
    }

    /// A pod is gone, or the machine under it; a process in it is, too.
    pub fn own_pod_ends(&mut self, key: &str, is_gone: bool) {
        let mut own = self.processes.iter();
        let Some(number) = own.position(|it| it.pod.as_deref() == Some(key)) else {
            return;
        };
        self.kill(number);
        if is_gone {
            self.processes[number].pod = None;
        }
    }
}
