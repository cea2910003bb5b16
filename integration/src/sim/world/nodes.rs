//! What becomes of nodes by the hand of humans and autoscalers.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use unstall_crds::names::annotation;

use super::people::uncordon;
use super::{Deed, Host, HostTask, Task, Trouble, World};
use crate::sim::api::kind::Kind;
use crate::sim::api::write::whole;
use crate::sim::trace::Actor;

/// The taint of cluster-autoscaler on a node that it removes.
const SCALED_DOWN: &str = "ToBeDeletedByClusterAutoscaler";

impl World {
    pub(super) fn cordon(&mut self, host: &str) {
        self.amid(host, "cordons");
        self.edit(Actor::Human, Kind::Node, host, |node| {
            node["spec"]["unschedulable"] = json!(true);
        });
    }

    /// Takes a cordon away: this node's, or another's where this one has none.
    pub(super) fn uncordon(&mut self, host: String) {
        let node = self.store.get(Kind::Node, &host);
        let is_cordoned = node.is_some_and(|it| it["spec"]["unschedulable"] == true);
        let host = match self.any_cordoned() {
            Some(other) if !is_cordoned => other,
            _ => host,
        };
        self.amid(&host, "uncordons");
        self.edit(Actor::Human, Kind::Node, &host, uncordon);
    }

    pub(super) fn skip(&mut self, host: String, pause: Duration) {
        self.edit(Actor::Human, Kind::Node, &host, |node| {
            node["metadata"]["annotations"][annotation::SKIP] = json!("true");
        });
        self.later(pause, Deed::Unskip { host });
    }

    /// A node is to go, once its finalizer lets it.
    pub(super) fn delete_node(&mut self, host: String) {
        let now = whole(self.wall());
        self.edit(Actor::Autoscaler, Kind::Node, &host, |node| {
            node["metadata"]["finalizers"] = json!(["played.dev/node"]);
            node["metadata"]["deletionTimestamp"] = json!(now);
        });
        let pause = self.chance.seconds(30, 1800);
        self.later(pause, Deed::Remove { host });
    }

    /// The garbage collector takes what belonged to a node that is gone.
    pub(super) fn collect(&mut self, host: &str, uid: &Value) {
        let is_it = |it: &Arc<Value>| it["metadata"]["uid"] == *uid;
        if self.store.get(Kind::Health, host).is_some_and(is_it) {
            self.delete(Actor::Cluster, Kind::Health, host);
        }
    }

    pub(super) fn fix_probes(&mut self) {
        let names: Vec<String> = self.hosts.keys().cloned().collect();
        for name in names {
            if let Some(host) = self.hosts.get_mut(&name) {
                host.tells_the_truth(self.now);
            }
            self.probe_reports(&name, None);
        }
    }

    pub(super) fn amid(&mut self, host: &str, what: &str) {
        let incidents = self.store.all(Kind::Remediation).map(|(_, it)| it);
        let mut open = incidents.filter(|it| it["status"]["outcome"].is_null());
        if open.any(|it| it["spec"]["nodeName"] == host) {
            self.seen.count("row", &format!("{what} amid an incident"));
        }
    }

    pub(super) fn any_cordoned(&mut self) -> Option<String> {
        let nodes = self.store.all(Kind::Node);
        let cordoned = nodes.filter(|(_, node)| node["spec"]["unschedulable"] == true);
        let names: Vec<String> = cordoned.map(|(name, _)| name.clone()).collect();
        self.chance.pick(&names).cloned()
    }

    /// The Node object is deleted; the machine joins again under its name.
    pub(super) fn rejoin(&mut self, name: &str) {
        let Some(host) = self.hosts.get(name) else {
            return;
        };
        let zone = host.zone.clone();
        self.remove(name);
        let pause = self.chance.seconds(5, 600);
        let deed = Deed::Join {
            host: name.to_owned(),
            zone,
        };
        self.after(pause, Task::Trouble(Trouble::Person(deed)));
    }

    pub(super) fn join_again(&mut self, name: &str, zone: &str) {
        if self.hosts.contains_key(name) {
            return;
        }
        let boot = self.law.next_boot(name);
        let kernel = self.law.kernel.clone();
        let mut host = Host::new(name, zone, &kernel);
        host.boot = boot;
        host.since = self.now;
        self.join(host);
        self.after(
            Duration::from_secs(3),
            Task::Host(name.to_owned(), HostTask::Sees),
        );
    }

    pub(super) fn scale_down(&mut self, name: &str) {
        self.edit(Actor::Autoscaler, Kind::Node, name, |node| {
            let taint = json!({"key": SCALED_DOWN, "effect": "NoSchedule"});
            match node["spec"]["taints"].as_array_mut() {
                Some(taints) => taints.push(taint),
                None => node["spec"]["taints"] = json!([taint]),
            }
        });
        let pause = self.chance.seconds(30, 3600);
        let host = name.to_owned();
        let deed = if self.chance.happens(300) {
            Deed::Delete { host }
        } else {
            Deed::Remove { host }
        };
        self.later(pause, deed);
    }

    /// The node is gone, with its pods and what its probe said.
    pub(super) fn remove(&mut self, name: &str) {
        self.amid(name, "removed");
        if self.hosts.remove(name).is_none() {
            return;
        }
        self.delete(Actor::Autoscaler, Kind::Node, name);
        let pods = self.store.all(Kind::Pod);
        let own: Vec<String> = pods
            .filter(|(_, pod)| pod["spec"]["nodeName"] == name)
            .map(|(key, _)| key.clone())
            .collect();
        for key in own {
            self.delete(Actor::Cluster, Kind::Pod, &key);
        }
        let uid = self
            .store
            .get(Kind::Health, name)
            .map(|it| it["metadata"]["uid"].clone());
        if let Some(uid) = uid {
            let pause = self.chance.seconds(1, 300);
            let host = name.to_owned();
            self.later(pause, Deed::Collect { host, uid });
        }
    }

    pub(super) fn new_kernel(&mut self, kernel: &str) {
        self.law.kernel = kernel.to_owned();
        if self.chance.happens(400) {
            self.law.worse = Some(kernel.to_owned());
            self.seen.count("row", "a kernel that is worse");
        }
        let (unstaged, keeps) = self.chance.of([(0, 0), (0, 0), (200, 0), (0, 100)]);
        for host in self.hosts.values_mut() {
            if !self.chance.happens(unstaged) {
                kernel.clone_into(&mut host.next_kernel);
            }
            host.keeps_kernel = self.chance.happens(keeps);
        }
        let policies: Vec<(String, Arc<Value>)> = self
            .store
            .all(Kind::Policy)
            .map(|(key, it)| (key.clone(), Arc::clone(it)))
            .collect();
        for (key, policy) in policies {
            let triggers = policy["spec"]["triggers"].as_array();
            let at = triggers.and_then(|all| all.iter().position(|it| it["kernel"].is_object()));
            if let Some(at) = at {
                self.edit(Actor::Human, Kind::Policy, &key, |policy| {
                    policy["spec"]["triggers"][at]["kernel"]["atLeast"] = json!(kernel);
                });
            }
        }
        let names: Vec<String> = self.hosts.keys().cloned().collect();
        for name in names {
            self.probe_reports(&name, None);
        }
    }

    /// Some nodes are to boot for what was installed on them.
    pub(super) fn patch_nodes(&mut self) {
        let names: Vec<String> = self.hosts.keys().cloned().collect();
        for name in names {
            if self.chance.happens(250) {
                if let Some(host) = self.hosts.get_mut(&name) {
                    host.wants_boot = true;
                }
                self.probe_reports(&name, None);
            }
        }
    }
}
