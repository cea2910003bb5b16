//! Kubelets, boots, and who notices that a kubelet says nothing.

use std::time::Duration;

use serde_json::{Value, json};

use super::host::{Cure, Return};
use super::{HostTask, Task, Trouble, World};
use crate::sim::api::kind::Kind;
use crate::sim::api::write::whole;
use crate::sim::trace::Actor;

const READONLY: &str = "ReadonlyFilesystem";
/// How long a kubelet may say nothing until its node counts as gone.
const GRACE: Duration = Duration::from_secs(50);

impl World {
    /// The kubelet writes what is true of the node.
    pub fn kubelet_writes(&mut self, name: &str) {
        let Some(host) = self.hosts.get(name).filter(|host| host.is_up) else {
            return;
        };
        let info = json!({
            "bootID": host.boot_id(), "kernelVersion": host.kernel, "architecture": "amd64",
            "containerRuntimeVersion": "played://1", "kubeProxyVersion": "", "kubeletVersion": "v1.37.2",
            "machineID": name, "operatingSystem": "linux", "osImage": "played", "systemUUID": name,
        });
        let is_readonly = host.is_readonly;
        self.ready(name, "True", Some(info));
        self.edit(Actor::Host(name.to_owned()), Kind::Node, name, |node| {
            readonly(node, is_readonly);
        });
    }

    fn ready(&mut self, name: &str, status: &str, info: Option<Value>) {
        let Some(old) = self.store.get(Kind::Node, name) else {
            return;
        };
        let mut node = old.as_ref().clone();
        let now = whole(self.wall());
        let mut all = node["status"]["conditions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let known = all.iter().position(|it| it["type"] == "Ready");
        let mut condition = known.map_or_else(
            || json!({"type": "Ready", "lastTransitionTime": now}),
            |at| all.remove(at),
        );
        if condition["status"] != status {
            condition["lastTransitionTime"] = json!(now);
        }
        condition["status"] = json!(status);
        condition["reason"] = json!("Played");
        condition["message"] = json!("played");
        all.push(condition);
        node["status"]["conditions"] = Value::Array(all);
        if let Some(info) = info {
            node["status"]["nodeInfo"] = info;
        }
        if node != **old {
            self.put(Actor::Host(name.to_owned()), Kind::Node, name, node);
        }
    }

    /// Nothing is heard of the kubelet, whatever the machine does.
    pub fn kubelet_is_missed(&mut self, name: &str) {
        self.ready(name, "Unknown", None);
    }

    /// Nothing was heard of the kubelet for too long.
    pub fn kubelet_missed(&mut self, name: &str, since: Duration) {
        let is_still = |host: &super::Host| !host.is_up && host.since == since;
        if self.hosts.get(name).is_some_and(is_still) {
            self.ready(name, "Unknown", None);
        }
    }

    /// Whatever the reason, the machine goes down.
    pub fn goes_down(&mut self, name: &str, boot: u32) {
        let now = self.now;
        let Some(host) = self.hosts.get_mut(name) else {
            return;
        };
        if host.boot != boot || !host.is_up {
            return;
        }
        match host.comes_back {
            Return::After(_) => {}
            Return::Never => self.seen.count("row", "never returns"),
            Return::Hangs => return self.hangs(name, boot),
        }
        host.is_up = false;
        host.since = now;
        host.is_busy = false;
        let comes_back = host.comes_back;
        self.pods_of_host_stop(name);
        self.trace
            .note(now, Actor::Host(name.to_owned()), "goes down");
        self.after(
            GRACE,
            Task::Host(name.to_owned(), HostTask::Missed { since: now }),
        );
        if let Return::After(pause) = comes_back {
            self.after(
                pause,
                Task::Host(name.to_owned(), HostTask::ComesUp { boot }),
            );
        }
    }

    /// Something holds the shutdown up: for ever, or for longer than anybody waits.
    fn hangs(&mut self, name: &str, boot: u32) {
        self.seen.count("row", "hangs");
        if self.faults.are_over() || self.chance.happens(500) {
            return;
        }
        let after = self.chance.seconds(600, 3600);
        if let Some(host) = self.hosts.get_mut(name) {
            host.comes_back = Return::After(Duration::from_secs(90));
        }
        self.seen.count("row", "goes down late");
        self.after(
            after,
            Task::Host(name.to_owned(), HostTask::GoesDown { boot }),
        );
    }

    /// The machine runs its next boot.
    pub fn comes_up(&mut self, name: &str, boot: u32) {
        let now = self.now;
        let Some(host) = self.hosts.get_mut(name) else {
            return;
        };
        if host.boot != boot || host.is_up {
            return;
        }
        host.boot += 1;
        host.is_up = true;
        host.since = now;
        host.told_firing = None;
        host.is_readonly = false;
        host.wants_boot = false;
        if !host.keeps_kernel {
            host.kernel.clone_from(&host.next_kernel);
        }
        let relapses = host.is_slow && host.cure == Cure::Relapses;
        host.is_slow &= host.cure == Cure::Nothing;
        let text = format!("runs boot {}", host.boot_id());
        self.trace.note(now, Actor::Host(name.to_owned()), &text);
        if relapses {
            let slow = Trouble::Slow {
                host: name.to_owned(),
                cure: Cure::Reboot,
                comes_back: Return::After(Duration::from_secs(90)),
            };
            let pause = self.chance.seconds(20, 300);
            self.after(pause, Task::Trouble(slow));
        }
        self.kubelet_writes(name);
        self.pods_of_host_go_on(name);
        self.agents_start(name);
    }

    /// Probe and actuator of a machine start.
    pub fn agents_start(&mut self, name: &str) {
        let (now, truly) = (self.now, self.wall());
        let seen = self.chance.seconds(1, 15);
        let measured = seen + self.chance.seconds(5, 40);
        let Some(host) = self.hosts.get_mut(name) else {
            return;
        };
        if host.resume(now, truly, now + measured) {
            self.seen.count("row", "interrupted");
        }
        self.after(seen, Task::Host(name.to_owned(), HostTask::Sees));
        self.after(measured, Task::Host(name.to_owned(), HostTask::Proven));
    }
}

/// What node-problem-detector says of the root file system.
fn readonly(node: &mut Value, is_so: bool) {
    let status = if is_so { "True" } else { "False" };
    let Some(all) = node["status"]["conditions"].as_array_mut() else {
        return;
    };
    let known = all.iter_mut().find(|it| it["type"] == READONLY);
    match known {
        Some(known) => known["status"] = json!(status),
        None if is_so => all.push(json!({"type": READONLY, "status": status})),
        None => {}
    }
}
