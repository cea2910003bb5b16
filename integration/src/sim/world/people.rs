//! Humans and autoscalers, who do what they like.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use unstall_crds::names::{LEDGER, annotation};

use super::{Task, Trouble, World};
use crate::sim::api::kind::Kind;
use crate::sim::api::store::key;
use crate::sim::api::write::{Commit, birth, whole};
use crate::sim::trace::Actor;

/// Something that somebody does.
#[derive(Debug, Clone)]
pub enum Deed {
    /// A human cordons a node,
    Cordon { host: String },
    /// or takes a cordon away, whosever it is,
    Uncordon { host: String },
    /// or stops everything for so long,
    Pause { pause: Duration },
    /// or suspends a policy, or goes on with it,
    Suspend { policy: String, is_on: bool },
    /// or deletes a policy, and applies it again later,
    DeletePolicy { policy: String, pause: Duration },
    /// or applies it again,
    Apply { policy: Box<Value> },
    /// or wants a node back,
    Release { host: String },
    /// or deletes the record of an incident, whatever it is doing,
    DeleteIncident { at: u64 },
    /// or deletes what a probe says.
    DeleteHealth { host: String },
    /// The node is taken out of the cluster and joins it again.
    Rejoin { host: String },
    /// It joins.
    Join { host: String, zone: String },
    /// An autoscaler wants the node away, and takes it away later.
    ScaleDown { host: String },
    /// It is to be taken away, once its finalizers let it go.
    Delete { host: String },
    /// It is taken away.
    Remove { host: String },
    /// The garbage collector follows it.
    Collect { host: String, uid: Value },
    /// The bad release of the probe is taken back.
    FixProbes,
    /// A policy asks for another kernel, which most nodes would boot.
    NewKernel { kernel: String },
    /// The distribution of some nodes wants them rebooted.
    Patch,
    /// A gate is opened,
    OpenGate { host: String, name: String },
    /// or the remedy of an incident is approved.
    Approve { incident: String },
    /// An incident is opened by hand.
    ByHand { host: String, remedy: String },
    /// Every roll-out goes on that has halted so far.
    Resume,
    /// A storm is no reason to hold back, for so long.
    AllowStorm { pause: Duration },
    /// A node is to be left alone for so long.
    Skip { host: String, pause: Duration },
    /// It is not any more.
    Unskip { host: String },
    /// A policy is written as only a later version can read it, for so long.
    Newer { policy: String, pause: Duration },
    /// It is written as it was.
    Older { policy: String },
}

impl World {
    /// They do it.
    pub fn person(&mut self, deed: Deed) {
        let text = format!("{deed:?}");
        let name = text.split([' ', '(']).next().unwrap_or_default();
        self.seen.count("person", name);
        match deed {
            Deed::Cordon { host } => self.cordon(&host),
            Deed::Uncordon { host } => self.uncordon(host),
            Deed::Pause { pause } => self.pause(pause),
            Deed::Suspend { policy, is_on } => self.suspend(&policy, is_on),
            Deed::DeletePolicy { policy, pause } => self.delete_policy(&policy, pause),
            Deed::Apply { policy } => self.apply(*policy),
            Deed::Release { host } => self.release(&host),
            Deed::DeleteIncident { at } => self.delete_incident(at),
            Deed::DeleteHealth { host } => self.delete(Actor::Human, Kind::Health, &host),
            Deed::Rejoin { host } => self.rejoin(&host),
            Deed::Join { host, zone } => self.join_again(&host, &zone),
            Deed::ScaleDown { host } => self.scale_down(&host),
            Deed::Delete { host } => self.delete_node(host),
            Deed::Collect { host, uid } => self.collect(&host, &uid),
            Deed::Remove { host } => self.remove(&host),
            Deed::FixProbes => self.fix_probes(),
            Deed::NewKernel { kernel } => self.new_kernel(&kernel),
            Deed::Patch => self.patch_nodes(),
            Deed::OpenGate { host, name } => self.open_gate(&host, &name),
            Deed::Approve { incident } => self.approve(&incident),
            Deed::ByHand { host, remedy } => self.by_hand(&host, &remedy),
            Deed::Resume => self.resume(),
            Deed::AllowStorm { pause } => self.allow_storm(pause),
            Deed::Skip { host, pause } => self.skip(host, pause),
            Deed::Unskip { host } => self.edit(Actor::Human, Kind::Node, &host, unskip),
            Deed::Newer { policy, pause } => {
                self.mode(&policy, "Later");
                self.later(pause, Deed::Older { policy });
            }
            Deed::Older { policy } => self.mode(&policy, "Enforce"),
        }
    }

    fn pause(&mut self, pause: Duration) {
        let until = self.wall() + jiff::SignedDuration::try_from(pause).unwrap_or_default();
        self.edit(Actor::Human, Kind::Ledger, LEDGER, |ledger| {
            ledger["spec"]["pause"] = json!({"until": whole(until), "reason": "played"});
        });
    }

    fn allow_storm(&mut self, pause: Duration) {
        let until = self.wall() + jiff::SignedDuration::try_from(pause).unwrap_or_default();
        self.edit(Actor::Human, Kind::Ledger, LEDGER, |ledger| {
            ledger["spec"]["allowStorm"] = json!({"until": whole(until), "reason": "played"});
        });
    }

    fn resume(&mut self) {
        let before = whole(self.wall());
        let all = [("roll", "kernel"), ("patch", "patched")].map(|(policy, trigger)| {
            json!({"policy": policy, "trigger": trigger, "haltedBefore": before})
        });
        self.edit(Actor::Human, Kind::Ledger, LEDGER, |ledger| {
            ledger["spec"]["resumeRollouts"] = json!(all);
        });
    }

    fn suspend(&mut self, policy: &str, is_on: bool) {
        self.edit(Actor::Human, Kind::Policy, policy, |it| {
            it["spec"]["suspend"] = json!(is_on);
        });
    }

    fn release(&mut self, host: &str) {
        self.edit(Actor::Human, Kind::Ledger, LEDGER, |ledger| {
            ledger["spec"]["release"] = json!([host]);
        });
    }

    fn delete_incident(&mut self, at: u64) {
        let incidents = self.store.all(Kind::Remediation);
        let all: Vec<String> = incidents.map(|(key, _)| key.clone()).collect();
        let index = usize::try_from(at).unwrap_or_default() % all.len().max(1);
        if let Some(key) = all.get(index) {
            self.delete(Actor::Human, Kind::Remediation, key);
        }
    }

    pub(super) fn delete(&mut self, actor: Actor, kind: Kind, key: &str) {
        let before = self.store.get(kind, key).cloned();
        if self.store.remove(kind, key).is_some() {
            let commit = Commit {
                kind,
                key: key.to_owned(),
                before,
                after: None,
            };
            self.committed(actor, commit);
        }
    }

    fn delete_policy(&mut self, policy: &str, pause: Duration) {
        let Some(old) = self.store.get(Kind::Policy, policy).cloned() else {
            return;
        };
        self.delete(Actor::Human, Kind::Policy, policy);
        let again = json!({"metadata": {"name": policy}, "spec": old["spec"]});
        let deed = Deed::Apply {
            policy: Box::new(again),
        };
        self.after(pause, Task::Trouble(Trouble::Person(deed)));
    }

    /// Applies a policy that is not there.
    pub fn apply(&mut self, mut policy: Value) {
        let name = policy["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if self.store.get(Kind::Policy, &name).is_some() {
            return;
        }
        let (version, now) = (self.store.version(), self.wall());
        birth(&mut policy, Kind::Policy, version, now);
        self.put(Actor::Human, Kind::Policy, &name, policy);
    }

    fn approve(&mut self, incident: &str) {
        self.edit(Actor::Human, Kind::Ledger, LEDGER, |ledger| {
            match ledger["spec"]["approve"].as_array_mut() {
                Some(approved) if approved.iter().any(|it| it == incident) => {}
                Some(approved) => approved.push(json!(incident)),
                None => ledger["spec"]["approve"] = json!([incident]),
            }
        });
    }

    fn by_hand(&mut self, host: &str, remedy: &str) {
        self.handmade += 1;
        let name = format!("by-hand-{}", self.handmade);
        let mut incident = json!({
            "metadata": {"name": name},
            "spec": {"origin": "Manual", "nodeName": host, "reason": "played", "remedies": [remedy]},
        });
        birth(
            &mut incident,
            Kind::Remediation,
            self.store.version(),
            self.wall(),
        );
        self.put(Actor::Human, Kind::Remediation, &name, incident);
    }

    fn mode(&mut self, policy: &str, mode: &str) {
        self.edit(Actor::Human, Kind::Policy, policy, |it| {
            it["spec"]["mode"] = json!(mode);
        });
    }

    pub(super) fn later(&mut self, pause: Duration, deed: Deed) {
        self.after(pause, Task::Trouble(Trouble::Person(deed)));
    }

    /// After the faults, a human looks after what is left: pauses end, foreign cordons go.
    pub fn tidy_up(&mut self) {
        for number in 0..self.workloads.len() {
            // A budget that lets no pod go at all is a mistake that somebody mends.
            let workload = &self.workloads[number];
            let most = i64::try_from(workload.replicas).unwrap_or_default() - 1;
            let key = key(Some(&workload.namespace), &workload.name);
            self.delete(Actor::Human, Kind::Budget, &format!("{key}-more"));
            self.edit(Actor::Human, Kind::Budget, &key, |budget| {
                let least = budget["spec"]["minAvailable"].as_i64().unwrap_or_default();
                budget["spec"]["minAvailable"] = json!(least.min(most));
            });
        }
        self.edit(Actor::Human, Kind::Ledger, LEDGER, |ledger| {
            if let Some(spec) = ledger["spec"].as_object_mut() {
                spec.remove("pause");
                spec.remove("allowStorm");
            }
        });
        let policies: Vec<String> = self
            .store
            .all(Kind::Policy)
            .map(|(key, _)| key.clone())
            .collect();
        for policy in policies {
            self.edit(Actor::Human, Kind::Policy, &policy, |it| {
                it["spec"]["suspend"] = json!(false);
            });
            let is_later = |it: &Arc<Value>| it["spec"]["mode"] == "Later";
            if self.store.get(Kind::Policy, &policy).is_some_and(is_later) {
                self.mode(&policy, "Enforce");
            }
        }
        let nodes: Vec<String> = self
            .store
            .all(Kind::Node)
            .map(|(key, _)| key.clone())
            .collect();
        for node in nodes {
            self.edit(Actor::Human, Kind::Node, &node, |node| {
                let by = node["metadata"]["annotations"][annotation::CORDONED_BY].as_str();
                if by.is_none() {
                    uncordon(node);
                }
                unskip(node);
            });
        }
    }
}

fn unskip(node: &mut Value) {
    if let Some(annotations) = node["metadata"]["annotations"].as_object_mut() {
        annotations.remove(annotation::SKIP);
    }
}

pub(super) fn uncordon(node: &mut Value) {
    if let Some(spec) = node["spec"].as_object_mut() {
        spec.remove("unschedulable");
    }
}
