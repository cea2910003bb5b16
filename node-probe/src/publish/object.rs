//! The node's own `NodeHealth`: watched by its name, and its status written.

use std::time::Duration;

use futures::StreamExt;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Config, ResourceExt};
use serde_json::json;
use tokio::sync::mpsc;
use unstall_crds::health::{NodeHealth, NodeHealthStatus};
use unstall_crds::names::manager;

use crate::log;

/// A call that takes longer has failed; the next one carries the present.
const CALL_LIMIT: Duration = Duration::from_secs(15);

/// A watch that brings nothing for so long is dead: API servers send a bookmark each minute.
const SILENCE_LIMIT: Duration = Duration::from_secs(90);

/// Connects to the API server of the pod's cluster.
///
/// # Errors
/// A sentence that says what is missing.
pub async fn connect() -> Result<Client, String> {
    let mut config = Config::infer().await.map_err(|error| {
        format!("no way to the API server (run in a pod, or set KUBECONFIG): {error}")
    })?;
    // A retried write would carry the past; the loop writes the present again.
    config.default_retry = false;
    config.read_timeout = Some(SILENCE_LIMIT);
    Client::try_from(config)
        .map_err(|error| format!("cannot make a client for the API server: {error}"))
}

/// Watches the object called `node` and hands on each version of it, until
/// `seen` closes. An outage is waited out.
pub async fn watch(client: Client, node: String, seen: mpsc::UnboundedSender<Option<NodeHealth>>) {
    let config = watcher::Config::default().fields(&format!("metadata.name={node}"));
    let mut events = watcher(Api::<NodeHealth>::all(client), config)
        .default_backoff()
        .boxed();
    let mut is_listed = false;
    while let Some(event) = events.next().await {
        let object = match event {
            Ok(watcher::Event::Apply(object)) => Some(object),
            Ok(watcher::Event::InitApply(object)) => {
                is_listed = true;
                Some(object)
            }
            Ok(watcher::Event::Delete(_)) => None,
            Ok(watcher::Event::Init) => {
                is_listed = false;
                continue;
            }
            // It went while nobody watched.
            Ok(watcher::Event::InitDone) if !is_listed => None,
            Ok(watcher::Event::InitDone) => continue,
            Err(error) => {
                log::warn("watch of NodeHealth interrupted", &[("error", &error)]);
                continue;
            }
        };
        if seen.send(object).is_err() {
            return;
        }
    }
}

/// Which object a status is for: of another node made again under the same name, nothing is
/// written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The node's name.
    pub name: String,
    /// The object's own UID.
    pub uid: Option<String>,
}

impl Target {
    /// That one.
    pub fn of(object: &NodeHealth) -> Self {
        Self {
            name: object.name_any(),
            uid: object.uid(),
        }
    }
}

/// Writes `status` to the object.
///
/// # Errors
/// A sentence; nothing was written, or it is not known.
pub async fn write(
    client: &Client,
    target: &Target,
    status: &NodeHealthStatus,
) -> Result<(), String> {
    let api: Api<NodeHealth> = Api::all(client.clone());
    let patch = json!({
        "apiVersion": "unstall.dev/v1alpha1",
        "kind": "NodeHealth",
        "metadata": {"name": target.name, "uid": target.uid},
        "status": status,
    });
    let params = PatchParams::apply(manager::PROBE).force();
    let patch = Patch::Apply(&patch);
    let call = api.patch_status(&target.name, &params, &patch);
    bounded(call).await.map(|_| ())
}

/// Reads the object called `node` as it is now.
///
/// # Errors
/// A sentence.
pub async fn read(client: &Client, node: &str) -> Result<NodeHealth, String> {
    bounded(Api::all(client.clone()).get(node)).await
}

async fn bounded<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, String> {
    match tokio::time::timeout(CALL_LIMIT, call).await {
        Ok(result) => result.map_err(|error| match error {
            kube::Error::Api(said) => format!("{} ({})", said.message, said.code),
            other => other.to_string(),
        }),
        Err(_) => Err(format!("no answer in {} s", CALL_LIMIT.as_secs())),
    }
}
