//! Others who answer: gates, approvals, Prometheus, another remediator.

use std::time::Duration;

use serde_json::{Value, json};
use unstall_crds::names::{annotation, label};

use super::pods::is_ours;
use super::{Deed, Task, Trouble, World};
use crate::sim::api::kind::Kind;
use crate::sim::api::reply::Reply;
use crate::sim::api::write::{Commit, birth};
use crate::sim::chance::Chance;
use crate::sim::trace::Actor;

/// How they answer.
#[derive(Debug, Clone, Default)]
pub struct Others {
    /// Of a thousand gates and approvals, how many are answered.
    answers: u64,
    /// Of a thousand nodes that are handed over, how many are cured.
    cures: u64,
    /// Of a thousand phases that begin, amid how many something happens to the node.
    meddle: u64,
    /// The alert that fires until then,
    pub alert_until: Duration,
    /// and since when.
    pub alert_since: Option<Duration>,
    /// Prometheus does not answer until then.
    pub unanswered_until: Duration,
}

/// The annotation that opens the gate of this name.
pub fn gate_key(name: &str) -> String {
    format!("played.dev/{name}")
}

impl Others {
    pub fn draw(chance: &mut Chance) -> Self {
        Self {
            answers: chance.of([1000, 800, 300]),
            cures: chance.of([1000, 500]),
            meddle: chance.of([0, 0, 100, 300]),
            ..Self::default()
        }
    }

    /// Since when the alert has fired, if it does.
    pub fn firing_since(&self, now: Duration) -> Option<Duration> {
        self.alert_since.filter(|_| now < self.alert_until)
    }

    /// What Prometheus says.
    pub fn alerts(&self, now: Duration) -> Reply {
        if now < self.unanswered_until {
            return Reply::refused(503, "ServiceUnavailable", "played");
        }
        let alerts: Vec<Value> = self
            .firing_since(now)
            .map(|_| json!({"state": "firing", "labels": {"alertname": "Played"}}))
            .into_iter()
            .collect();
        let answer = json!({"status": "success", "data": {"alerts": alerts}});
        Reply::object(200, &answer)
    }
}

impl World {
    /// The alert fires for so long.
    pub fn alert(&mut self, pause: Duration) {
        let now = self.now;
        let since = self.others.firing_since(now).unwrap_or(now);
        self.others.alert_since = Some(since);
        self.others.alert_until = self.others.alert_until.max(now + pause);
    }

    fn is_answered(&mut self) -> bool {
        self.faults.are_over() || self.chance.happens(self.others.answers)
    }

    /// A Node was written: whoever opens the gate that it waits at sees that.
    pub fn node_written(&mut self, commit: &Commit) {
        let gate = |object: &Option<std::sync::Arc<Value>>| {
            let labels = object.as_ref().map(|it| &it["metadata"]["labels"]);
            labels.and_then(|it| it[label::GATE].as_str().map(ToOwned::to_owned))
        };
        let (before, after) = (gate(&commit.before), gate(&commit.after));
        let Some(name) = after.filter(|_| before != gate(&commit.after)) else {
            return;
        };
        let host = commit.key.clone();
        if !self.faults.are_over() && self.chance.happens(self.others.meddle) {
            let soon = self.chance.seconds(1, 60);
            let host = host.clone();
            self.after(soon, Task::Trouble(Trouble::Intruder { host }));
        }
        if self.is_answered() {
            let pause = self.chance.seconds(1, 900);
            let deed = Deed::OpenGate { host, name };
            self.after(pause, Task::Trouble(Trouble::Person(deed)));
        }
    }

    /// The gate of this name is opened for the incident that waits at it.
    pub fn open_gate(&mut self, host: &str, name: &str) {
        self.edit(Actor::Human, Kind::Node, host, |node| {
            let by = node["metadata"]["annotations"][annotation::CORDONED_BY].clone();
            if by.is_string() && node["metadata"]["labels"][label::GATE] == name {
                node["metadata"]["annotations"][gate_key(name)] = by;
            }
        });
    }

    /// An incident was written: whoever follows it sees that.
    pub fn incident_written(&mut self, commit: &Commit) {
        self.meddle(commit);
        let waits = |object: &Option<std::sync::Arc<Value>>| {
            let blockers = object.as_ref().map(|it| &it["status"]["blockers"]);
            let blockers = blockers.and_then(Value::as_array);
            blockers.is_some_and(|it| it.iter().any(|it| it["reason"] == "ApprovalRequired"))
        };
        if waits(&commit.after) && !waits(&commit.before) && self.is_answered() {
            let pause = self.chance.seconds(5, 1800);
            let incident = commit.key.clone();
            let deed = Deed::Approve { incident };
            self.after(pause, Task::Trouble(Trouble::Person(deed)));
        }
    }

    /// Amid a phase something happens to its node.
    fn meddle(&mut self, commit: &Commit) {
        let phase = |object: &Option<std::sync::Arc<Value>>| {
            let phase = object.as_ref().map(|it| &it["status"]["phase"]);
            phase.and_then(|it| it.as_str().map(ToOwned::to_owned))
        };
        let (before, after) = (phase(&commit.before), phase(&commit.after));
        let is_new = after.is_some() && before != after;
        let object = commit.after.as_ref();
        let node = object.and_then(|it| it["spec"]["nodeName"].as_str());
        let host = node.unwrap_or_default().to_owned();
        if is_new && after.as_deref() == Some("Draining") {
            self.leave_alone(&host, 60);
        }
        if !is_new || self.faults.are_over() || !self.chance.happens(self.others.meddle) {
            return;
        }
        let pause = self.chance.seconds(20, 900);
        let trouble = match self.chance.below(10) {
            9 => {
                // Views are no older than what laws forgive.
                self.pods_unseen(pause.min(Duration::from_secs(400)));
                Trouble::Intruder { host }
            }
            0 | 1 => Trouble::Person(Deed::Uncordon { host }),
            2 => Trouble::Boots { host },
            3 | 4 => Trouble::Intruder { host },
            5 => Trouble::Silence { host, pause },
            6 => Trouble::Restarts { host },
            7 => Trouble::Mute { host, pause },
            _ => Trouble::Person(Deed::Rejoin { host }),
        };
        let soon = self.chance.of([1000, 30_000, 300_000]);
        let soon = self.chance.millis(20, soon);
        self.after(soon, Task::Trouble(trouble));
    }

    /// Within so many seconds the controller's other replicas may lose power, if this node
    /// has one.
    pub fn leave_alone(&mut self, host: &str, within: u64) {
        let pods = self.store.all(Kind::Pod);
        let has_own =
            (pods.filter(|(_, pod)| is_ours(pod))).any(|(_, pod)| pod["spec"]["nodeName"] == host);
        if !has_own || self.faults.are_over() || !self.chance.happens(2 * self.others.meddle) {
            return;
        }
        let (at, pause) = (
            self.chance.seconds(1, within),
            self.chance.seconds(300, 3600),
        );
        if self.chance.happens(500) {
            self.after(at, Task::Trouble(Trouble::NoImages { pause }));
        }
        let host = host.to_owned();
        self.after(at, Task::Trouble(Trouble::OthersDown { host, pause }));
    }

    /// No watch tells of pods for so long.
    fn pods_unseen(&mut self, pause: Duration) {
        for process in 0..self.processes.len() {
            let kind = Kind::Pod;
            let trouble = Trouble::Stall {
                process,
                kind,
                pause,
            };
            self.after(Duration::ZERO, Task::Trouble(trouble));
        }
    }

    /// A node was handed over: the other remediator goes about it.
    pub fn handed_over(&mut self, commit: &Commit) {
        let (None, Some(object)) = (&commit.before, &commit.after) else {
            return;
        };
        let host = object["metadata"]["name"].as_str().unwrap_or_default();
        if self.faults.are_over() || self.chance.happens(self.others.cures) {
            let pause = self.chance.seconds(20, 900);
            let host = host.to_owned();
            self.after(pause, Task::Trouble(Trouble::Boots { host }));
        }
    }

    /// What another remediator is asked by.
    pub fn add_template(&mut self) {
        let mut template = json!({
            "metadata": {"name": "played", "namespace": "default"},
            "spec": {"template": {"spec": {}}},
        });
        birth(
            &mut template,
            Kind::Template,
            self.store.version(),
            self.wall(),
        );
        self.put(Actor::Cluster, Kind::Template, "default/played", template);
    }
}
