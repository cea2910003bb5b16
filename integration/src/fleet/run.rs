//! A fleet that is played.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Node;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::{Deeds, Facts, actuator, kubelet, objects, probe};

/// How many nodes are made at once.
const AT_ONCE: usize = 16;

/// A node to be played.
#[derive(Debug, Clone, Default)]
pub struct FleetNode {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// A fleet; it ends with this value.
pub struct Fleet {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

/// What all its parts share.
pub struct Shared {
    /// The API server.
    pub client: Client,
    /// What the nodes did.
    pub deeds: Deeds,
    nodes: Mutex<BTreeMap<String, Played>>,
}

#[derive(Debug, Default)]
struct Played {
    facts: Facts,
    spec: Option<Value>,
    command: Option<Value>,
    said: Option<Timestamp>,
    /// Held while something is said of the node: what was known earlier must not be
    /// written last.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Fleet {
    /// Makes the nodes and begins to play them. `renews_leases`: kubelets do, and
    /// where a node lifecycle controller runs they must.
    ///
    /// # Errors
    /// When a node cannot be made.
    pub async fn start(
        client: Client,
        nodes: Vec<FleetNode>,
        renews_leases: bool,
    ) -> Result<Self, kube::Error> {
        let played = nodes.iter().map(|it| (it.name.clone(), Played::default()));
        let shared = Arc::new(Shared {
            client: client.clone(),
            deeds: Deeds::default(),
            nodes: Mutex::new(played.collect()),
        });
        let mut tasks = Vec::new();
        if renews_leases {
            // From the first node on: making thousands takes longer than a lease lasts.
            tasks.push(tokio::spawn(kubelet::renew_leases(Arc::clone(&shared))));
        }
        let mut made = futures::stream::iter(nodes)
            .map(|node| make(Arc::clone(&shared), node))
            .buffer_unordered(AT_ONCE);
        while let Some(result) = made.next().await {
            result?;
        }
        drop(made);
        tasks.extend([
            tokio::spawn(kubelet::run_pods(Arc::clone(&shared))),
            tokio::spawn(probe::follow(Arc::clone(&shared))),
            tokio::spawn(probe::beat(Arc::clone(&shared))),
        ]);
        Ok(Self { shared, tasks })
    }

    /// What the nodes did.
    #[must_use]
    pub fn deeds(&self) -> &Deeds {
        &self.shared.deeds
    }

    /// Changes what is true of a node, and lets its kubelet and its probe say so.
    ///
    /// # Errors
    /// When the API server does not take it.
    pub async fn change(
        &self,
        name: &str,
        change: impl FnOnce(&mut Facts),
    ) -> Result<(), kube::Error> {
        self.shared.change(name, change);
        kubelet::report(&self.shared, name).await?;
        probe::say(&self.shared, name).await;
        Ok(())
    }

    /// Somebody else reboots the node.
    pub async fn reboot(&self, name: &str) {
        actuator::come_back(&self.shared, name).await;
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn make(shared: Arc<Shared>, node: FleetNode) -> Result<(), kube::Error> {
    let nodes: Api<Node> = Api::all(shared.client.clone());
    let object = objects::node(&node.name, &node.labels);
    let params = PatchParams::apply("played-kubelet").force();
    nodes
        .patch(&node.name, &params, &Patch::Apply(&object))
        .await?;
    kubelet::report(&shared, &node.name).await
}

impl Shared {
    /// The names of all nodes.
    pub fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// What is true of a node.
    pub fn facts(&self, name: &str) -> Option<Facts> {
        self.lock().get(name).map(|played| played.facts.clone())
    }

    /// Changes it.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut Facts)) {
        if let Some(played) = self.lock().get_mut(name) {
            change(&mut played.facts);
        }
    }

    /// Waits for the turn to say something of a node.
    pub async fn turn(&self, name: &str) -> Option<tokio::sync::OwnedMutexGuard<()>> {
        let turn = self.lock().get(name).map(|it| Arc::clone(&it.turn))?;
        Some(turn.lock_owned().await)
    }

    /// Takes in a spec; whether it is another one than before.
    pub fn take_spec(&self, name: &str, spec: &Value) -> bool {
        let mut nodes = self.lock();
        let Some(played) = nodes.get_mut(name) else {
            return false;
        };
        if played.spec.as_ref() == Some(spec) {
            return false;
        }
        played.spec = Some(spec.clone());
        true
    }

    /// The spec and the answer to the latest command.
    pub fn known(&self, name: &str) -> Option<(Value, Option<Value>)> {
        let nodes = self.lock();
        let played = nodes.get(name)?;
        Some((played.spec.clone()?, played.command.clone()))
    }

    /// Keeps an answer.
    pub fn answer(&self, name: &str, command: Value) {
        if let Some(played) = self.lock().get_mut(name) {
            played.command = Some(command);
        }
    }

    /// Whether the command of this id is being obeyed or was answered.
    pub fn has_answered(&self, name: &str, id: &str) -> bool {
        let nodes = self.lock();
        let command = nodes.get(name).and_then(|it| it.command.as_ref());
        command.is_some_and(|it| it["id"].as_str() == Some(id))
    }

    /// Notes that a report was written.
    pub fn said(&self, name: &str, now: Timestamp) {
        if let Some(played) = self.lock().get_mut(name) {
            played.said = Some(now);
        }
    }

    /// Notes that a report is owed: it is due at once.
    pub fn not_said(&self, name: &str) {
        if let Some(played) = self.lock().get_mut(name) {
            played.said = None;
        }
    }

    /// The nodes whose next report is due.
    pub fn due(&self, now: Timestamp) -> Vec<String> {
        let nodes = self.lock();
        let due = nodes.iter().filter(|(_, played)| {
            let interval = played.spec.as_ref().map(|it| it["reportInterval"].clone());
            let seconds = match interval.as_ref().and_then(Value::as_str) {
                Some("30s") => 30,
                _ => 300,
            };
            let due =
                |said: &Timestamp| now.duration_since(*said) >= SignedDuration::from_secs(seconds);
            played.spec.is_some() && played.said.as_ref().is_none_or(due)
        });
        due.map(|(name, _)| name.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Played>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
