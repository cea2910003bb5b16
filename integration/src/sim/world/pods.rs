//! Workloads: pods that are made, placed, started and ended.

use std::time::Duration;

use serde_json::{Value, json};
use unstall_crds::names::annotation;

use super::{Task, World};
use crate::sim::api::evict::{allowed, is_leaving};
use crate::sim::api::kind::Kind;
use crate::sim::api::store::key;
use crate::sim::api::write::{Commit, birth, end};
use crate::sim::trace::Actor;

/// The label of pods whose eviction a webhook forbids.
pub const DENIED: &str = "played.dev/denied";

/// What keeps pods.
#[derive(Debug, Clone, Default)]
pub struct Workload {
    pub name: String,
    pub namespace: String,
    pub replicas: usize,
    /// As many must stay, if there is a budget.
    pub min_available: Option<i64>,
    /// How long a pod takes to end.
    pub ends_after: Duration,
    /// A finalizer keeps each pod until the faults are over.
    pub is_stuck: bool,
    /// A webhook forbids their eviction until the faults are over.
    pub is_denied: bool,
    /// Two budgets guard them, which the API server does not support.
    pub has_two_budgets: bool,
    /// What else keeps its pods where they are.
    pub ties: Ties,
    /// Its pods are the controller's own.
    pub is_ours: bool,
    /// Its pods go where one of them is, if that node takes any.
    pub huddles: bool,
    /// Counts the pods that were made.
    pub made: u64,
}

/// What keeps pods where they are, unless the policy says otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ties {
    #[default]
    None,
    /// Data on the node.
    EmptyDir,
    /// No controller that would replace it.
    Bare,
    /// The wish not to be disrupted.
    Precious,
}

/// Something of a pod that happens.
pub enum PodTask {
    /// A pod is made for the workload of this number.
    Make(usize),
    /// The scheduler looks for a node.
    Place(String),
    /// It runs.
    Runs(String),
    /// It has ended.
    Ends(String),
}

impl World {
    /// Makes the objects of all workloads.
    pub fn deploy(&mut self) {
        for number in 0..self.workloads.len() {
            let workload = self.workloads[number].clone();
            if let Some(least) = workload.min_available {
                let mut budget = json!({
                    "metadata": {"name": workload.name, "namespace": workload.namespace},
                    "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": workload.name}}},
                });
                birth(&mut budget, Kind::Budget, self.store.version(), self.wall());
                let key = key(Some(&workload.namespace), &workload.name);
                if workload.has_two_budgets {
                    let mut more = budget.clone();
                    more["metadata"]["name"] = json!(format!("{}-more", workload.name));
                    self.put(Actor::Cluster, Kind::Budget, &format!("{key}-more"), more);
                }
                self.put(Actor::Cluster, Kind::Budget, &key, budget);
            }
            for _ in 0..workload.replicas {
                self.make_pod(number);
            }
        }
    }

    /// Something of a pod happens.
    pub fn pod_task(&mut self, task: PodTask) {
        match task {
            PodTask::Make(number) => self.make_pod(number),
            PodTask::Place(key) => self.place_pod(key),
            PodTask::Runs(key) => self.run_pod(&key),
            PodTask::Ends(key) => self.end_pod(key),
        }
    }

    fn make_pod(&mut self, number: usize) {
        if let Some(key) = self.make_object(number) {
            let pause = self.chance.millis(500, 3000);
            self.after(pause, Task::Pod(PodTask::Place(key)));
        }
    }

    fn make_object(&mut self, number: usize) -> Option<String> {
        let now = self.wall();
        let workload = self.workloads.get_mut(number)?;
        workload.made += 1;
        let workload = workload.clone();
        let Workload {
            name, namespace, ..
        } = &workload;
        let pod_name = format!("{name}-{}", workload.made);
        let mut labels = json!({"app": name});
        if workload.is_denied {
            labels[DENIED] = json!("true");
        }
        if workload.is_ours {
            labels["app.kubernetes.io/name"] = json!("unstall");
            labels["app.kubernetes.io/component"] = json!("controller");
        }
        let finalizers = if workload.is_stuck {
            json!(["played.dev/stuck"])
        } else {
            json!([])
        };
        let mut pod = json!({
            "metadata": {
                "name": pod_name, "namespace": namespace, "labels": labels, "finalizers": finalizers,
                "ownerReferences": [{
                    "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "uid": format!("rs-{name}"),
                    "controller": true,
                }],
            },
            "spec": {
                "terminationGracePeriodSeconds": 30, "priority": 0,
                "containers": [{"name": "c", "image": "played"}],
            },
            "status": {"phase": "Pending"},
        });
        match workload.ties {
            Ties::None => {}
            Ties::EmptyDir => pod["spec"]["volumes"] = json!([{"name": "v", "emptyDir": {}}]),
            Ties::Bare => pod["metadata"]["ownerReferences"] = json!([]),
            Ties::Precious => {
                pod["metadata"]["annotations"] = json!({annotation::SAFE_TO_EVICT: "false"})
            }
        }
        birth(&mut pod, Kind::Pod, self.store.version(), now);
        let key = key(Some(namespace), &pod_name);
        self.put(Actor::Cluster, Kind::Pod, &key, pod);
        Some(key)
    }

    /// A pod is put on a node by its name, past the scheduler.
    pub fn intrude(&mut self, name: &str) {
        let number = self.workloads.len() - 1;
        let Some(key) = self.make_object(number) else {
            return;
        };
        if let Some(pod) = self.store.get(Kind::Pod, &key) {
            let mut placed = pod.as_ref().clone();
            placed["spec"]["nodeName"] = json!(name);
            self.put(Actor::Cluster, Kind::Pod, &key, placed);
        }
        self.after(Duration::from_secs(3), Task::Pod(PodTask::Runs(key)));
    }

    /// On the node with the fewest pods that takes any.
    fn place_pod(&mut self, key: String) {
        let Some(pod) = self.store.get(Kind::Pod, &key).cloned() else {
            return;
        };
        let count = |node: &str| {
            let pods = self.store.all(Kind::Pod);
            pods.filter(|(_, pod)| pod["spec"]["nodeName"] == node)
                .count()
        };
        let app = pod["metadata"]["labels"]["app"].as_str();
        let huddles = self
            .workloads
            .iter()
            .any(|it| it.huddles && app == Some(it.name.as_str()));
        let is_company = |name: &str| {
            let mut pods = self.store.all(Kind::Pod).map(|(_, pod)| pod);
            pods.any(|it| {
                it["spec"]["nodeName"] == name && it["metadata"]["labels"]["app"].as_str() == app
            })
        };
        let nodes = self.store.all(Kind::Node);
        let open = nodes
            .filter(|(_, node)| takes_pods(node))
            .map(|(name, _)| name);
        let best = open.min_by_key(|name| (huddles && !is_company(name), count(name)));
        let Some(node) = best else {
            return self.after(Duration::from_secs(20), Task::Pod(PodTask::Place(key)));
        };
        let mut placed = pod.as_ref().clone();
        placed["spec"]["nodeName"] = json!(node);
        self.put(Actor::Cluster, Kind::Pod, &key, placed);
        let pause = self.chance.seconds(2, 8);
        self.after(pause, Task::Pod(PodTask::Runs(key)));
    }

    fn run_pod(&mut self, key: &str) {
        let Some(pod) = self
            .store
            .get(Kind::Pod, key)
            .filter(|pod| !is_leaving(pod))
        else {
            return;
        };
        let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
        if !self.hosts.get(node).is_some_and(|host| host.is_up) {
            return;
        }
        if pod["status"]["phase"] == "Pending" && !self.faults.has_images(self.now) {
            let again = Task::Pod(PodTask::Runs(key.to_owned()));
            return self.after(Duration::from_secs(20), again);
        }
        let mut running = pod.as_ref().clone();
        running["status"] =
            json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
        let is_ours = is_ours(&running);
        if running != **pod {
            self.put(Actor::Cluster, Kind::Pod, key, running);
        }
        if is_ours {
            self.own_pod_runs(key);
        }
    }

    /// A node is up again: its pods run, or end.
    pub fn pods_of_host_go_on(&mut self, name: &str) {
        let pods = self.store.all(Kind::Pod);
        let own: Vec<(String, bool)> = pods
            .filter(|(_, pod)| pod["spec"]["nodeName"] == name)
            .map(|(key, pod)| (key.clone(), is_leaving(pod)))
            .collect();
        for (key, is_leaving) in own {
            let pause = self.chance.seconds(1, 5);
            let task = if is_leaving {
                PodTask::Ends(key)
            } else {
                PodTask::Runs(key)
            };
            self.after(pause, Task::Pod(task));
        }
    }

    /// A machine is down, and every process on it.
    pub fn pods_of_host_stop(&mut self, name: &str) {
        let pods = self.store.all(Kind::Pod);
        let own: Vec<String> = pods
            .filter(|(_, pod)| pod["spec"]["nodeName"] == name && is_ours(pod))
            .map(|(key, _)| key.clone())
            .collect();
        for key in own {
            self.own_pod_ends(&key, false);
        }
    }

    fn end_pod(&mut self, key: String) {
        let Some(pod) = self.store.get(Kind::Pod, &key) else {
            return;
        };
        let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
        if !self.hosts.get(node).is_some_and(|host| host.is_up) {
            // It ends when the kubelet is back.
            return;
        }
        let has_finalizers = pod["metadata"]["finalizers"]
            .as_array()
            .is_some_and(|it| !it.is_empty());
        if has_finalizers && !self.faults.are_over() {
            self.seen.count("row", "stuck by a finalizer");
            return self.after(Duration::from_mins(2), Task::Pod(PodTask::Ends(key)));
        }
        if has_finalizers {
            let mut freed = pod.as_ref().clone();
            freed["metadata"]["finalizers"] = json!([]);
            self.put(Actor::Cluster, Kind::Pod, &key, freed);
        }
        let now = self.wall();
        let (_, commit) = end(&mut self.store, Kind::Pod, &key, Some(0), now);
        if let Some(commit) = commit {
            self.committed(Actor::Cluster, commit);
        }
    }

    /// A pod was written, by whomever.
    pub fn pod_written(&mut self, commit: &Commit) {
        let leaves =
            |pod: &Option<std::sync::Arc<Value>>| pod.as_ref().is_some_and(|it| is_leaving(it));
        let of = commit.before.as_ref().or(commit.after.as_ref());
        let app = of.and_then(|pod| pod["metadata"]["labels"]["app"].as_str());
        let number = self
            .workloads
            .iter()
            .position(|it| app == Some(it.name.as_str()));
        if leaves(&commit.after) && !leaves(&commit.before) {
            let least = number.map_or(Duration::ZERO, |it| self.workloads[it].ends_after);
            let pause = least + self.chance.millis(200, 4000);
            let task = PodTask::Ends(commit.key.clone());
            self.after(pause, Task::Pod(task));
            self.own_pod_leaves(&commit.key);
        }
        if commit.after.is_none() {
            self.own_pod_ends(&commit.key, true);
        }
        if commit.after.is_none()
            && let Some(number) = number
        {
            let pause = self.chance.millis(100, 1500);
            self.after(pause, Task::Pod(PodTask::Make(number)));
        }
        self.budgets_follow(app);
    }

    /// Budgets say how many may go.
    fn budgets_follow(&mut self, app: Option<&str>) {
        let Some(app) = app else {
            return;
        };
        let budgets = self.store.all(Kind::Budget);
        let own: Vec<String> = budgets
            .filter(|(_, it)| it["spec"]["selector"]["matchLabels"]["app"] == app)
            .map(|(key, _)| key.clone())
            .collect();
        for key in own {
            let Some(budget) = self.store.get(Kind::Budget, &key) else {
                continue;
            };
            let free = allowed(&self.store, budget);
            let needed = budget["spec"]["minAvailable"].as_i64().unwrap_or_default();
            let mut told = budget.as_ref().clone();
            told["status"] = json!({
                "observedGeneration": 1, "disruptionsAllowed": free.max(0), "currentHealthy": free + needed,
                "desiredHealthy": needed, "expectedPods": free + needed,
            });
            if told != **budget {
                self.put(Actor::Cluster, Kind::Budget, &key, told);
            }
        }
    }
}

pub fn is_ours(pod: &Value) -> bool {
    pod["metadata"]["labels"]["app.kubernetes.io/name"] == "unstall"
}

fn takes_pods(node: &Value) -> bool {
    let conditions = node["status"]["conditions"].as_array();
    let is_ready = conditions.is_some_and(|all| {
        all.iter()
            .any(|it| it["type"] == "Ready" && it["status"] == "True")
    });
    is_ready && node["spec"]["unschedulable"] != true
}
