//! A node: a machine with a kubelet, a probe and an actuator.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use node_probe::actuator::record::Record;
use serde_json::{Value, json};
use unstall_crds::health::NodeHealth;

use super::World;
use crate::sim::api::kind::Kind;
use crate::sim::api::write::birth;
use crate::sim::trace::Actor;

/// What a reboot comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// It is back after this.
    After(Duration),
    /// It goes down and does not come back.
    Never,
    /// It does not go down at all.
    Hangs,
}

/// What ends a stall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cure {
    DropCaches,
    Reboot,
    /// A reboot, for a few minutes.
    Relapses,
    Nothing,
}

/// A node, as it truly is.
pub struct Host {
    pub name: String,
    pub uid: String,
    pub zone: String,
    pub is_control_plane: bool,
    pub boot: u32,
    pub is_up: bool,
    /// Since when it is up, or down.
    pub since: Duration,
    pub kernel: String,
    /// What the next boot runs.
    pub next_kernel: String,
    pub is_slow: bool,
    /// Since when.
    pub slow_since: Duration,
    pub cure: Cure,
    /// The stall comes with dead memory cgroups, as not every one does.
    pub has_zombies: bool,
    pub comes_back: Return,
    /// Its probe reports nothing until then.
    pub silent_until: Duration,
    /// Its probe says whatever it likes.
    pub lies: bool,
    /// Its probe says that another boot runs.
    pub lies_of_boot: bool,
    /// Its clock, in milliseconds ahead of the true time.
    pub skew: i64,
    /// The actuator's journal, which outlives reboots.
    pub record: Record,
    /// What the probe knows of its object.
    pub told: Option<NodeHealth>,
    /// What the actuator says of the latest command.
    pub command: Value,
    /// Since when there are samples enough after it.
    pub proven_at: Option<Duration>,
    /// The probe that runs has samples of its own from then on; until then it tells
    /// what the one before told.
    pub measured_at: Duration,
    /// Whether triggers fired by its last report of this boot.
    pub told_firing: Option<bool>,
    /// Counts reports, so that an older one that is on the agenda is not made.
    pub reports: u64,
    /// An action is under way on the host.
    pub is_busy: bool,
    /// Its root file system is read-only, until it boots.
    pub is_readonly: bool,
    /// Its actuator may reboot it.
    pub reboots: bool,
    /// Its distribution wants a boot.
    pub wants_boot: bool,
    /// Its boot loader takes the old kernel whatever is staged.
    pub keeps_kernel: bool,
}

/// Something of a node that happens.
pub enum HostTask {
    /// The kubelet writes the Node.
    Kubelet,
    /// Nothing was heard of the kubelet for too long.
    Missed { since: Duration },
    /// The probe sees what is asked of it.
    Sees,
    /// The probe reports; the number tells an old date from a new one.
    Report { number: u64 },
    /// The caches are dropped.
    Dropped { id: String },
    /// It goes down.
    GoesDown { boot: u32 },
    /// It is up again.
    ComesUp { boot: u32 },
    /// There are samples enough after a command.
    Proven,
}

impl Host {
    pub fn new(name: &str, zone: &str, kernel: &str) -> Self {
        Self {
            name: name.to_owned(),
            uid: String::new(),
            zone: zone.to_owned(),
            is_control_plane: false,
            boot: 1,
            is_up: true,
            since: Duration::ZERO,
            kernel: kernel.to_owned(),
            next_kernel: kernel.to_owned(),
            is_slow: false,
            slow_since: Duration::ZERO,
            cure: Cure::DropCaches,
            has_zombies: true,
            comes_back: Return::After(Duration::from_secs(90)),
            silent_until: Duration::ZERO,
            lies: false,
            lies_of_boot: false,
            skew: 0,
            record: Record::default(),
            told: None,
            command: Value::Null,
            proven_at: None,
            measured_at: Duration::ZERO,
            told_firing: None,
            reports: 0,
            is_busy: false,
            is_readonly: false,
            reboots: true,
            wants_boot: false,
            keeps_kernel: false,
        }
    }

    pub fn boot_id(&self) -> String {
        format!("{}-boot-{}", self.name, self.boot)
    }

    /// Its probe lies no more; before, nobody could know how it was.
    pub fn tells_the_truth(&mut self, now: Duration) {
        if std::mem::take(&mut self.lies) {
            self.slow_since = now;
        }
    }

    /// Its own clock, at the true time.
    pub fn clock(&self, truly: Timestamp) -> Timestamp {
        truly
            .saturating_add(SignedDuration::from_millis(self.skew))
            .unwrap_or(truly)
    }

    /// Whether its probe reports.
    pub fn reports_at(&self, now: Duration) -> bool {
        self.is_up && now >= self.silent_until
    }
}

impl World {
    /// Something of a node happens.
    pub fn host_task(&mut self, name: &str, task: HostTask) {
        if !self.hosts.contains_key(name) {
            return;
        }
        match task {
            HostTask::Kubelet => self.kubelet_writes(name),
            HostTask::Missed { since } => self.kubelet_missed(name, since),
            HostTask::Sees => self.probe_sees(name),
            HostTask::Report { number } => self.probe_reports(name, Some(number)),
            HostTask::Dropped { id } => self.caches_dropped(name, &id),
            HostTask::GoesDown { boot } => self.goes_down(name, boot),
            HostTask::ComesUp { boot } => self.comes_up(name, boot),
            HostTask::Proven => self.probe_reports(name, None),
        }
    }

    /// Adds a node to the cluster: its machine, its object.
    pub fn join(&mut self, mut host: Host) {
        let name = host.name.clone();
        let mut labels = json!({
            "kubernetes.io/os": "linux",
            "kubernetes.io/hostname": name,
            "topology.kubernetes.io/zone": host.zone,
        });
        if host.is_control_plane {
            labels["node-role.kubernetes.io/control-plane"] = json!("");
        }
        let mut node =
            json!({"metadata": {"name": name, "labels": labels}, "spec": {}, "status": {}});
        birth(&mut node, Kind::Node, self.store.version(), self.wall());
        let uid = node["metadata"]["uid"].as_str().unwrap_or_default();
        host.uid = uid.to_owned();
        self.hosts.insert(name.clone(), host);
        self.put(Actor::Host(name.clone()), Kind::Node, &name, node);
        self.kubelet_writes(&name);
    }
}
