//! What should not happen, and does.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use unstall_crds::names::annotation;

use super::host::{Cure, Return};
use super::pods::is_ours;
use super::{Host, HostTask, Task, World};
use crate::sim::api::kind::Kind;
use crate::sim::api::write::whole;
use crate::sim::trace::Actor;

/// Something that should not happen.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// A kernel begins to stall.
    Slow {
        host: String,
        cure: Cure,
        comes_back: Return,
    },
    /// A probe says nothing for so long.
    Silence { host: String, pause: Duration },
    /// A kubelet says nothing for so long, on a machine that is well.
    Mute { host: String, pause: Duration },
    /// A pod comes to a node past any cordon.
    Intruder { host: String },
    /// Probe and actuator start again.
    Restarts { host: String },
    /// A machine boots by itself.
    Boots { host: String },
    /// The clock of a machine jumps,
    HostClock { host: String, ahead: i64 },
    /// or goes wrong bit by bit: by so many milliseconds in five minutes.
    HostDrift { host: String, by: i64 },
    /// A probe says the contrary of what is,
    Lies { host: String },
    /// or that another boot runs.
    LiesOfBoot { host: String },
    /// A process is killed,
    Kill { process: usize },
    /// or stopped,
    Freeze { process: usize, pause: Duration },
    /// and goes on,
    Thaw { process: usize },
    /// or is cut off from the API server,
    Cut { process: usize, pause: Duration },
    /// or told to end,
    Tell { process: usize },
    /// or has a wrong clock.
    Clock { process: usize, ahead: i64 },
    /// Its clock goes wrong bit by bit: by so many milliseconds in five minutes,
    Drift { process: usize, by: i64 },
    /// or stands still, until it is ten minutes behind.
    ClockStops { process: usize },
    /// What it watches tells nothing for so long.
    Stall {
        process: usize,
        kind: Kind,
        pause: Duration,
    },
    /// Nobody reaches the API server.
    ApiDown { pause: Duration },
    /// An admission webhook refuses every write to objects of a kind for so long.
    Denies { kind: Kind, pause: Duration },
    /// Somebody else writes to whatever is to be written, for so long.
    Conflicts { pause: Duration },
    /// Old versions are forgotten.
    Compact,
    /// Every probe says that its node is sick: a bad release.
    Outbreak { pause: Duration },
    /// A file system becomes read-only.
    Breaks { host: String },
    /// An alert fires for so long.
    Alert { pause: Duration },
    /// Prometheus does not answer for so long.
    Unanswered { pause: Duration },
    /// No image is to be had for so long: pods that are placed anew do not start.
    NoImages { pause: Duration },
    /// The nodes on which the controller's other replicas run lose power for so long.
    OthersDown { host: String, pause: Duration },
    /// Half of the probes say nothing for so long, and a node falls sick meanwhile.
    Blackout { pause: Duration },
    /// A zone has no power for so long, and a node elsewhere falls sick meanwhile.
    ZoneDown { zone: String, pause: Duration },
    /// Somebody writes a command that the controller did not.
    Forged { host: String, how: Forgery },
    /// Somebody does something.
    Person(super::people::Deed),
    /// From now on nothing goes wrong any more.
    Peace,
}

/// How a command is forged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgery {
    /// With a signature that is none.
    Unsigned,
    /// Another node's, as it is.
    Anothers,
    /// An old one of the node itself.
    Old,
}

impl World {
    /// It happens.
    pub fn trouble(&mut self, trouble: Trouble) {
        self.note_trouble(&trouble);
        let now = self.now;
        match trouble {
            Trouble::Slow {
                host,
                cure,
                comes_back,
            } => self.stalls(&host, cure, comes_back),
            Trouble::Silence { host, pause } => {
                self.host(&host, |it| it.silent_until = now + pause)
            }
            Trouble::Mute { host, pause } => {
                self.kubelet_is_missed(&host);
                self.after(pause, Task::Host(host, HostTask::Kubelet));
            }
            Trouble::Intruder { host } => self.intrude(&host),
            Trouble::Boots { host } => self.boots(&host),
            Trouble::HostClock { host, ahead } => self.host(&host, |it| it.skew = ahead),
            Trouble::HostDrift { host, by } => self.host_drifts(host, by),
            Trouble::Drift { process, by } => self.drifts(process, by),
            Trouble::ClockStops { process } => self.clock_stops(process),
            Trouble::Lies { host } => {
                self.host(&host, |it| it.lies = true);
                self.probe_reports(&host, None);
            }
            Trouble::LiesOfBoot { host } => {
                self.host(&host, |it| it.lies_of_boot = true);
                self.probe_reports(&host, None);
            }
            Trouble::Kill { process } => self.kill(process),
            Trouble::Freeze { process, pause } => self.freeze(process, pause),
            Trouble::Thaw { process } => self.thaw(process),
            Trouble::Restarts { host } => self.agents_restart(&host),
            Trouble::Cut { process, pause } => self.processes[process].cut_until = now + pause,
            Trouble::Tell { process } => self.processes[process].stop.tell(),
            Trouble::Clock { process, ahead } => self.set_clock(process, ahead),
            Trouble::Stall {
                process,
                kind,
                pause,
            } => self.processes[process].stall(kind, now + pause),
            Trouble::ApiDown { pause } => self.faults.take_api_down(now + pause),
            Trouble::Denies { kind, pause } => self.faults.deny(kind, now + pause),
            Trouble::Conflicts { pause } => self.faults.contend(now + pause),
            Trouble::Compact => self.store.forget(),
            Trouble::Outbreak { pause } => self.outbreak(pause),
            Trouble::Breaks { host } => {
                self.host(&host, |it| it.is_readonly = true);
                self.kubelet_writes(&host);
            }
            Trouble::Alert { pause } => self.alert(pause),
            Trouble::Unanswered { pause } => self.others.unanswered_until = now + pause,
            Trouble::NoImages { pause } if !self.faults.are_over() => {
                self.faults.lose_images(now + pause);
            }
            Trouble::NoImages { .. } => {}
            Trouble::OthersDown { host, pause } => self.others_down(&host, pause),
            Trouble::Blackout { pause } => self.blackout(pause),
            Trouble::ZoneDown { zone, pause } => self.zone_down(&zone, pause),
            Trouble::Forged { host, how } => self.forge(&host, how),
            Trouble::Person(deed) => self.person(deed),
            Trouble::Peace => self.peace(),
        }
    }

    fn note_trouble(&mut self, trouble: &Trouble) {
        let text = format!("{trouble:?}");
        let name = text.split([' ', '(']).next().unwrap_or_default();
        if !matches!(trouble, Trouble::Person(_)) {
            self.seen.count("trouble", name);
        }
        self.trace.note(self.now, Actor::Fate, &text);
        if let Trouble::Freeze { pause, .. }
        | Trouble::Cut { pause, .. }
        | Trouble::Stall { pause, .. }
        | Trouble::Denies { pause, .. }
        | Trouble::Conflicts { pause }
        | Trouble::ApiDown { pause } = trouble
        {
            self.disturb(*pause);
        }
    }

    pub(super) fn host(&mut self, name: &str, change: impl FnOnce(&mut super::Host)) {
        if let Some(host) = self.hosts.get_mut(name) {
            change(host);
        }
    }

    fn stalls(&mut self, name: &str, cure: Cure, comes_back: Return) {
        let now = self.now;
        let has_zombies = self.chance.happens(750);
        self.host(name, |host| {
            host.is_slow = true;
            host.has_zombies = has_zombies;
            host.slow_since = now;
            host.cure = cure;
            host.comes_back = comes_back;
            host.proven_at = None;
        });
        self.seen.count("incident", &format!("{cure:?}"));
        self.leave_alone(name, 600);
        self.probe_reports(name, None);
    }

    fn freeze(&mut self, process: usize, pause: Duration) {
        if let Some(machine) = &self.processes[process].machine {
            machine.freeze();
        }
        self.processes[process].frozen_at = self.now;
        self.after(pause, Task::Trouble(Trouble::Thaw { process }));
    }

    fn thaw(&mut self, process: usize) {
        let (process, now) = (&mut self.processes[process], self.now);
        process.thawed_at = now;
        let Some(machine) = &process.machine else {
            return;
        };
        let frozen = now.saturating_sub(process.frozen_at);
        if machine.thaw() && frozen > self.settings.terms.duration {
            self.seen.count("row", "frozen past its lease");
        }
    }

    /// Probe and actuator start again, and the machine does not.
    fn agents_restart(&mut self, name: &str) {
        if self.hosts.get(name).is_some_and(|host| host.is_up) {
            self.agents_start(name);
        }
    }

    /// The phase of the incident that has the node, if one has.
    pub fn phase_on(&self, name: &str) -> Option<String> {
        let node = self.store.get(Kind::Node, name)?;
        let by = node["metadata"]["annotations"][annotation::CORDONED_BY].as_str()?;
        let incident = self.store.get(Kind::Remediation, by)?;
        incident["status"]["phase"].as_str().map(ToOwned::to_owned)
    }

    /// A machine boots by itself, whatever is under way.
    fn boots(&mut self, name: &str) {
        if self.phase_on(name).as_deref() == Some("Draining") {
            self.seen.count("row", "boots amid a drain");
        }
        let pause = self.chance.seconds(30, 120);
        let Some(host) = self.hosts.get_mut(name).filter(|host| host.is_up) else {
            return;
        };
        if host.comes_back == Return::Hangs {
            host.comes_back = Return::After(pause);
        }
        let boot = host.boot;
        self.goes_down(name, boot);
    }

    fn blackout(&mut self, pause: Duration) {
        let until = self.now + pause;
        let names: Vec<String> = self.hosts.keys().cloned().collect();
        let (silent, heard): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|_| self.chance.happens(500));
        for name in &silent {
            self.host(name, |host| host.silent_until = until);
        }
        self.one_falls_sick(&heard, pause);
    }

    fn zone_down(&mut self, zone: &str, pause: Duration) {
        let mut others = Vec::new();
        let names: Vec<String> = self.hosts.keys().cloned().collect();
        for name in names {
            if self.hosts.get(&name).is_some_and(|host| host.zone == zone) {
                self.loses_power(&name, pause);
            } else {
                others.push(name);
            }
        }
        self.one_falls_sick(&others, pause);
    }

    /// A node is down for so long, once.
    fn loses_power(&mut self, name: &str, pause: Duration) {
        let mut before = Return::After(pause);
        self.host(name, |host| {
            std::mem::swap(&mut host.comes_back, &mut before)
        });
        self.boots(name);
        self.host(name, |host| host.comes_back = before);
    }

    fn others_down(&mut self, host: &str, pause: Duration) {
        let pods = self.store.all(Kind::Pod);
        let nodes: Vec<String> = pods
            .filter(|(_, pod)| is_ours(pod))
            .filter_map(|(_, pod)| pod["spec"]["nodeName"].as_str())
            .filter(|node| *node != host)
            .map(ToOwned::to_owned)
            .collect();
        for node in nodes {
            if !self.faults.are_over() {
                self.seen.count("row", "another replica loses power");
                self.loses_power(&node, pause);
            }
        }
    }

    /// One of these falls sick before the pause is over.
    fn one_falls_sick(&mut self, names: &[String], pause: Duration) {
        let seconds = pause.as_secs();
        let after = self.chance.seconds(seconds / 2, seconds);
        if let Some(host) = self.chance.pick(names).cloned() {
            let slow = Trouble::Slow {
                host,
                cure: Cure::Reboot,
                comes_back: Return::After(Duration::from_secs(90)),
            };
            self.after(after, Task::Trouble(slow));
        }
    }

    fn outbreak(&mut self, pause: Duration) {
        let names: Vec<String> = self.hosts.keys().cloned().collect();
        for name in names {
            let begins = !self
                .hosts
                .get(&name)
                .is_some_and(|it| it.lies || it.is_slow);
            if begins {
                self.host(&name, |host| host.lies = true);
                self.probe_reports(&name, None);
            }
        }
        let end = Task::Trouble(Trouble::Person(super::people::Deed::FixProbes));
        self.after(pause, end);
    }

    fn forge(&mut self, host: &str, how: Forgery) {
        let command = match how {
            Forgery::Unsigned => {
                let until = self.wall() + jiff::SignedDuration::from_mins(5);
                let payload = json!({
                    "id": "forged-1", "epoch": 9_999_999_999_i64, "action": "Reboot", "nodeName": host,
                    "nodeUID": self.hosts.get(host).map(|it| it.uid.clone()),
                    "expectBootID": self.hosts.get(host).map(Host::boot_id),
                    "issuedAt": whole(self.wall()), "expiresAt": whole(until),
                });
                json!({"payload": payload.to_string(), "signature": STANDARD.encode([7_u8; 64])})
            }
            Forgery::Anothers | Forgery::Old => {
                let mut given = self.law.past.commands.iter();
                let is_own = how == Forgery::Old;
                let found = given.find(|(name, _)| (*name == host) == is_own);
                let Some((_, command)) = found else {
                    return self.forge_later(host, how);
                };
                command.clone()
            }
        };
        self.edit(Actor::Human, Kind::Health, host, |health| {
            health["spec"]["command"] = command;
        });
    }

    /// There is nothing to copy yet.
    fn forge_later(&mut self, host: &str, how: Forgery) {
        if !self.faults.are_over() {
            let host = host.to_owned();
            let again = Task::Trouble(Trouble::Forged { host, how });
            self.after(Duration::from_mins(20), again);
        }
    }

    /// Nothing goes wrong any more, and what is broken is repaired.
    fn peace(&mut self) {
        self.faults.end();
        self.peace_since = Some(self.now);
        for number in 0..self.processes.len() {
            self.set_clock(number, 0);
            let process = &mut self.processes[number];
            process.cut_until = Duration::ZERO;
            process.end_stalls();
            if let Some(machine) = &process.machine {
                machine.thaw();
            }
        }
        let now = self.now;
        let names: Vec<String> = self.hosts.keys().cloned().collect();
        for name in names {
            let pause = self.chance.seconds(20, 300);
            let mut down = None;
            self.host(&name, |host| {
                host.silent_until = Duration::ZERO;
                host.tells_the_truth(now);
                host.lies_of_boot = false;
                host.skew = 0;
                host.keeps_kernel = false;
                if host.is_slow && host.cure == Cure::Nothing {
                    host.cure = Cure::Reboot;
                }
                host.comes_back = Return::After(Duration::from_secs(90));
                down = (!host.is_up).then_some(host.boot);
            });
            if let Some(boot) = down {
                self.after(pause, Task::Host(name.clone(), HostTask::ComesUp { boot }));
            }
            self.after(pause, Task::Host(name, HostTask::Sees));
        }
        self.tidy_up();
    }

    /// Changes an object as somebody does who reads it first.
    pub fn edit(&mut self, actor: Actor, kind: Kind, key: &str, change: impl FnOnce(&mut Value)) {
        let Some(old) = self.store.get(kind, key).cloned() else {
            return;
        };
        let mut new = old.as_ref().clone();
        change(&mut new);
        if new == *old {
            return;
        }
        if new["spec"] != old["spec"] {
            let generation = old["metadata"]["generation"].as_i64().unwrap_or_default();
            new["metadata"]["generation"] = json!(generation + 1);
        }
        self.put(actor, kind, key, new);
    }
}
