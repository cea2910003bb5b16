//! All there is, and what follows from what.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use node_probe::actuator::keys::KeySet;
use serde_json::Value;

use super::agenda::Agenda;
use super::watcher::Watcher;
use super::{EPOCH, Faults, Host, Others, Parts, Process, Settings, Task, Workload};
use crate::sim::api::kind::Kind;
use crate::sim::api::store::Store;
use crate::sim::api::write::{Commit, set};
use crate::sim::chance::Chance;
use crate::sim::coverage::Coverage;
use crate::sim::law::Law;
use crate::sim::trace::{Actor, Trace};

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
    pub others: Others,
    pub seen: Coverage,
    pub trace: Trace,
    /// Since when nothing goes wrong any more.
    pub peace_since: Option<Duration>,
    /// The controller's public key, as actuators have it.
    pub keys: KeySet,
    pub(super) watchers: BTreeMap<u64, Watcher>,
    pub(super) watch_count: u64,
    /// When the clock of a process was changed last.
    pub clocks_changed: Duration,
    /// Until when something keeps the processes from their work.
    pub unrest_until: Duration,
    /// Counts the incidents that were opened by hand.
    pub(super) handmade: u64,
}

impl World {
    /// A world in which nothing is yet.
    pub fn new(parts: Parts) -> Self {
        let Parts {
            chance,
            settings,
            faults,
            law,
            others,
            keys,
            processes,
            workloads,
        } = parts;
        Self {
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
            others,
            seen: Coverage::default(),
            trace: Trace::default(),
            peace_since: None,
            keys,
            watchers: BTreeMap::new(),
            watch_count: 0,
            clocks_changed: Duration::ZERO,
            unrest_until: Duration::ZERO,
            handmade: 0,
        }
    }

    /// The true time.
    pub fn wall(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.now).unwrap_or_default();
        EPOCH.saturating_add(elapsed).unwrap_or(EPOCH)
    }

    pub fn after(&mut self, pause: Duration, task: Task) {
        self.agenda.enter(self.now + pause, task);
    }

    /// Something keeps the processes from their work for so long.
    pub fn disturb(&mut self, pause: Duration) {
        self.unrest_until = self.unrest_until.max(self.now + pause);
    }

    /// The next thing that is due happens; a process that is to be started is the
    /// caller's.
    pub(super) fn step(&mut self) -> Option<Option<usize>> {
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
        let commit = set(&mut self.store, kind, key, object);
        self.committed(actor, commit);
    }

    /// Something was written: whom it concerns.
    pub fn committed(&mut self, actor: Actor, commit: Commit) {
        self.tell_watchers(commit.kind);
        self.law_after(actor, &commit);
        match commit.kind {
            Kind::Health => self.health_written(&commit),
            Kind::Pod => self.pod_written(&commit),
            Kind::Node => self.node_written(&commit),
            Kind::Remediation => {
                self.seen.incident(&commit);
                self.incident_written(&commit);
            }
            Kind::Policy => self.seen.policy(&commit),
            Kind::HandedOver => self.handed_over(&commit),
            _ => {}
        }
    }
}
