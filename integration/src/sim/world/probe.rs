//! Probes: they see what is asked of them, and report.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use unstall_crds::health::NodeHealth;

use super::{Host, HostTask, Task, World};
use crate::sim::api::kind::Kind;
use crate::sim::api::write::{Commit, whole};
use crate::sim::trace::Actor;

/// When a report is tried again that did not get through.
const AGAIN: Duration = Duration::from_secs(5);

impl World {
    /// A `NodeHealth` was written, by whomever: its probe sees that soon.
    pub fn health_written(&mut self, commit: &Commit) {
        if spec(&commit.before) == spec(&commit.after) {
            return;
        }
        let pause = self.chance.millis(50, 1500);
        self.after(pause, Task::Host(commit.key.clone(), HostTask::Sees));
    }

    /// The probe sees its object as it is now.
    pub fn probe_sees(&mut self, name: &str) {
        let (now, is_down) = (self.now, self.faults.api_is_down(self.now));
        let Some(host) = self.hosts.get_mut(name).filter(|host| host.is_up) else {
            return;
        };
        if now < host.silent_until || is_down {
            return self.after(AGAIN, Task::Host(name.to_owned(), HostTask::Sees));
        }
        let object = self.store.get(Kind::Health, name);
        let read =
            object.and_then(|it| serde_json::from_value::<NodeHealth>(it.as_ref().clone()).ok());
        let Some(health) = read else {
            host.told = None;
            return;
        };
        let command = health.spec.command.clone();
        let actor = Actor::Host(name.to_owned());
        self.trace.saw(now, &actor, || {
            let id = command.as_ref().map_or("no command", |it| &it.payload);
            format!("sees its NodeHealth: {id}")
        });
        let is_answered = command.as_ref().is_none_or(|command| {
            let id = host.command["id"].as_str().unwrap_or_default();
            let is_over = !host.command["finishedAt"].is_null() || host.is_busy;
            is_over && !id.is_empty() && command.payload.contains(&format!("\"{id}\""))
        });
        host.told = Some(health);
        if let Some(command) = command.filter(|_| !is_answered) {
            self.actuate(name, &command);
        }
        self.probe_reports(name, None);
    }

    /// The probe reports, and again after its interval.
    pub fn probe_reports(&mut self, name: &str, number: Option<u64>) {
        let (now, truly) = (self.now, self.wall());
        let is_down = self.faults.api_is_down(now);
        let Some(host) = self.hosts.get_mut(name) else {
            return;
        };
        if number.is_some_and(|number| number != host.reports) || host.told.is_none() {
            return;
        }
        host.reports += 1;
        let next = HostTask::Report {
            number: host.reports,
        };
        if is_down || !host.reports_at(now) {
            return self.after(AGAIN, Task::Host(name.to_owned(), next));
        }
        let interval = host
            .told
            .as_ref()
            .map_or(AGAIN, |it| it.spec.report_interval.get());
        let interval = interval * self.settings.pace_of_probes / 100;
        let stall = self.law.network_stall(&host.kernel);
        let status = host.status(now, truly, stall);
        if now >= host.measured_at {
            host.told_firing = Some(host.is_slow != host.lies);
        }
        let Some(old) = self.store.get(Kind::Health, name) else {
            host.told = None;
            return;
        };
        let kept = |field: &'static str| (field, old[field].clone());
        let object = object([
            kept("apiVersion"),
            kept("kind"),
            kept("metadata"),
            kept("spec"),
            ("status", status),
        ]);
        self.put(Actor::Host(name.to_owned()), Kind::Health, name, object);
        self.after(interval, Task::Host(name.to_owned(), next));
    }
}

impl Host {
    /// What the probe says.
    fn status(&self, now: Duration, truly: jiff::Timestamp, network_stall: u64) -> Value {
        let clock = whole(self.clock(truly));
        let is_measured = now >= self.measured_at;
        let is_slow = match is_measured {
            true => Some(self.is_slow != self.lies),
            false => self.told_firing,
        };
        let (state, value) = match is_slow {
            Some(true) => ("Firing", "150ms"),
            Some(false) => ("Clear", "2ms"),
            None => ("Unknown", "2ms"),
        };
        let is_proven = self.proven_at.is_some_and(|at| now >= at);
        let triggers = self.told.iter().flat_map(|it| &it.spec.triggers);
        let triggers = triggers.map(|it| {
            let mut judged = object([
                ("policy", it.policy.as_str().into()),
                ("name", it.name.as_str().into()),
                ("signalHash", it.signal_hash.as_str().into()),
                ("state", state.into()),
                ("since", clock.as_str().into()),
            ]);
            if is_measured {
                judged["value"] = value.into();
            }
            if is_proven {
                judged["valueSinceCommand"] = value.into();
            }
            judged
        });
        let is_cause = is_slow == Some(true) && self.has_zombies;
        let zombies = if is_cause { "20000" } else { "12" };
        let stall = format!("{}ms", network_stall);
        let signal = |name: &str, value: &str| {
            object([
                ("name", name.into()),
                ("state", "Known".into()),
                ("last", value.into()),
                ("p50", value.into()),
                ("sampledAt", clock.as_str().into()),
            ])
        };
        let (verdict, summary) = match is_slow {
            Some(true) => ("Stalled", "root memory.stat reads take 150 ms"),
            Some(false) => ("Healthy", "nothing is elevated"),
            None => ("Unknown", "too few samples yet"),
        };
        let signals = vec![
            signal("MemoryStatReadCPU", value),
            signal("ZombieMemcgs", zombies),
            signal("NetworkStall", &stall),
        ];
        let mut status = object([
            ("bootID", self.boot_told().into()),
            ("kernel", self.kernels()),
            (
                "probe",
                json!({"version": "played", "cgroupVersion": 2, "actuator": true, "reboots": self.reboots}),
            ),
            ("heartbeat", clock.as_str().into()),
            ("verdict", verdict.into()),
            ("summary", summary.into()),
            ("triggers", triggers.collect()),
            ("signals", signals.into()),
        ]);
        if !self.command.is_null() {
            status["command"] = self.command.clone();
        }
        status
    }

    fn boot_told(&self) -> String {
        match self.lies_of_boot {
            true => format!("{}-boot-of-a-liar", self.name),
            false => self.boot_id(),
        }
    }

    fn kernels(&self) -> Value {
        object([
            ("running", self.kernel.as_str().into()),
            ("staged", self.next_kernel.as_str().into()),
            ("rebootRequired", self.wants_boot.into()),
        ])
    }
}

/// An object of these fields; `json!` would copy them.
fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let fields = fields.into_iter();
    Value::Object(fields.map(|(name, it)| (name.to_owned(), it)).collect())
}

fn spec(object: &Option<Arc<Value>>) -> Option<&Value> {
    object.as_ref().map(|it| &it["spec"])
}
