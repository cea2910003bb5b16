//! (map) A cluster that is played, with the controller itself in it.
//!
//! [`Sim`] is the world with its clock. Everything that happens is a [`Task`] of its
//! agenda; the controller's processes run beside it as tasks of the same runtime, whose
//! time is paused: it jumps to the next moment at which anything is due.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::channel::oneshot;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;

mod agenda;
pub use agenda::Agenda;

mod played;

mod process;
pub use process::{Process, Settings};

mod wire;

mod request;
pub use request::Fate;

mod watcher;

mod faults;
pub use faults::Faults;

mod host;
pub use host::{Cure, Host, HostTask, Return};
mod actuator;
mod kubelet;
mod probe;

mod pods;
pub use pods::{PodTask, Workload};

mod trouble;
pub use trouble::Trouble;

mod people;
pub use people::Deed;

use super::api::kind::Kind;
use super::api::reply::Reply;
use super::api::store::Store;
use super::api::write::{Commit, Written, put};
use super::chance::Chance;
use super::coverage::Coverage;
use super::law::Law;
use super::trace::{Actor, Trace};
use request::Pending;
use watcher::Watcher;

/// When every simulation begins: a Monday at noon.
pub const EPOCH: Timestamp = Timestamp::constant(1_772_452_800, 0);

/// The world and its clock.
pub struct Sim {
    pub began: Instant,
    world: Mutex<World>,
    wake: Notify,
}

/// All there is.
pub struct World {
    /// The time since the beginning.
    pub now: Duration,
    pub store: Store,
    pub chance: Chance,
    pub agenda: Agenda<Task>,
    pub hosts: BTreeMap<String, Host>,
    pub workloads: Vec<Workload>,
    pub processes: Vec<Process>,
    pub settings: Settings,
    pub faults: Faults,
    pub law: Law,
    pub seen: Coverage,
    pub trace: Trace,
    /// The controller's public key, as actuators have it.
    pub keys: node_probe::actuator::keys::KeySet,
    watchers: BTreeMap<u64, Watcher>,
    watch_count: u64,
    hanging: Vec<oneshot::Sender<Reply>>,
}

/// Something that happens.
pub enum Task {
    /// A request arrives.
    Deliver(Box<Pending>),
    /// A watch tells what it has to tell.
    Flush(u64),
    /// A watch has lasted as long as it may.
    EndWatch(u64),
    /// A process starts.
    Start(usize),
    /// Something of a node.
    Host(String, HostTask),
    /// Something of a pod.
    Pod(PodTask),
    /// Something that should not happen.
    Trouble(Trouble),
    /// It is looked what should have come of it.
    Look,
}

/// What a world is made of.
pub struct Parts {
    pub chance: Chance,
    pub settings: Settings,
    pub faults: Faults,
    pub law: Law,
    pub keys: node_probe::actuator::keys::KeySet,
    pub processes: Vec<Process>,
    pub workloads: Vec<Workload>,
}

impl Sim {
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts {
            chance,
            settings,
            faults,
            law,
            keys,
            processes,
            workloads,
        } = parts;
        Arc::new(Self {
            began: Instant::now(),
            wake: Notify::new(),
            world: Mutex::new(World {
                now: Duration::ZERO,
                store: Store::default(),
                chance,
                agenda: Agenda::default(),
                hosts: BTreeMap::new(),
                workloads,
                processes,
                settings,
                faults,
                law,
                seen: Coverage::default(),
                trace: Trace::default(),
                keys,
                watchers: BTreeMap::new(),
                watch_count: 0,
                hanging: Vec::new(),
            }),
        })
    }

    /// Does something to the world, now.
    pub fn with<T>(&self, deed: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.now = self.began.elapsed();
        let next = world.agenda.next();
        let done = deed(&mut world);
        if world.agenda.next() < next || next.is_none() {
            self.wake.notify_one();
        }
        done
    }

    /// Lets the world go on until `end`, or until a law is broken.
    pub async fn turn(self: &Arc<Self>, end: Duration) {
        loop {
            let (next, is_over) = self.with(|world| (world.agenda.next(), world.law.is_broken()));
            if is_over {
                return;
            }
            let next = next.unwrap_or(end).min(end);
            tokio::select! {
                biased;
                () = self.wake.notified() => continue,
                () = tokio::time::sleep_until(self.began + next) => {}
            }
            while let Some(start) = self.with(World::step) {
                if let Some(number) = start {
                    process::start(self, number);
                }
            }
            if self.began.elapsed() >= end {
                return;
            }
        }
    }
}

impl World {
    /// The true time.
    pub fn wall(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.now).unwrap_or_default();
        EPOCH.saturating_add(elapsed).unwrap_or(EPOCH)
    }

    pub fn after(&mut self, pause: Duration, task: Task) {
        self.agenda.enter(self.now + pause, task);
    }

    /// The next thing that is due happens; a process that is to be started is the
    /// caller's.
    fn step(&mut self) -> Option<Option<usize>> {
        match self.agenda.due(self.now)? {
            Task::Deliver(pending) => self.deliver(*pending),
            Task::Flush(number) => self.flush(number),
            Task::EndWatch(number) => self.end_watch(number),
            Task::Start(number) => return Some(Some(number)),
            Task::Host(name, task) => self.host_task(&name, task),
            Task::Pod(task) => self.pod_task(task),
            Task::Trouble(trouble) => self.trouble(trouble),
            Task::Look => self.law_now(),
        }
        Some(None)
    }

    /// A write of somebody who is no process, straight to the objects.
    pub fn put(&mut self, actor: Actor, kind: Kind, key: &str, object: Value) {
        let (_, commit): Written = put(&mut self.store, kind, key, object, 200);
        if let Some(commit) = commit {
            self.committed(actor, commit);
        }
    }

    /// Something was written: whom it concerns.
    pub fn committed(&mut self, actor: Actor, commit: Commit) {
        self.tell_watchers(commit.kind);
        self.law_after(actor, &commit);
        match commit.kind {
            Kind::Health => self.health_written(&commit),
            Kind::Pod => self.pod_written(&commit),
            Kind::Remediation => self.seen.incident(&commit),
            Kind::Policy => self.seen.policy(&commit),
            _ => {}
        }
    }
}
