//! The kubelets: Nodes, their leases, and pods that run and end.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use kube::runtime::watcher::{self, Event};
use kube::{Client, ResourceExt};
use serde_json::json;

use super::objects;
use super::run::Shared;

/// As kubelets renew theirs.
const LEASE_EVERY: Duration = Duration::from_secs(10);
/// How many are renewed at once.
const LEASES_AT_ONCE: usize = 8;
/// How long a pod takes to end.
const POD_ENDS_AFTER: Duration = Duration::from_millis(500);

/// Writes a node's status.
pub async fn report(shared: &Shared, name: &str) -> Result<(), kube::Error> {
    let _turn = shared.turn(name).await;
    let Some(facts) = shared.facts(name) else {
        return Ok(());
    };
    let nodes: Api<Node> = Api::all(shared.client.clone());
    let status = objects::status(name, &facts, Timestamp::now());
    let patch = Patch::Strategic(&status);
    nodes
        .patch_status(name, &PatchParams::default(), &patch)
        .await
        .map(drop)
}

/// Renews the leases of all nodes that are there.
pub async fn renew_leases(shared: Arc<Shared>) {
    let leases: Api<Lease> = Api::namespaced(shared.client.clone(), "kube-node-lease");
    loop {
        let is_ready = |name: &String| shared.facts(name).is_some_and(|facts| facts.is_ready);
        let ready = shared.names().into_iter().filter(is_ready);
        let renewed = futures::stream::iter(ready).map(|name| renew(&leases, name));
        renewed
            .buffer_unordered(LEASES_AT_ONCE)
            .collect::<()>()
            .await;
        tokio::time::sleep(LEASE_EVERY).await;
    }
}

async fn renew(leases: &Api<Lease>, name: String) {
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": name},
        "spec": {
            "holderIdentity": name, "leaseDurationSeconds": 40,
            "renewTime": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
        },
    });
    let params = PatchParams::apply("played-kubelet").force();
    let written = leases.patch(&name, &params, &Patch::Apply(&lease)).await;
    if let Err(error) = written {
        eprintln!("lease of {name}: {error}");
    }
}

/// Lets pods run, and end once they are told to.
pub async fn run_pods(shared: Arc<Shared>) {
    let pods: Api<Pod> = Api::all(shared.client.clone());
    let config = watcher::Config::default().fields("spec.nodeName!=");
    let mut events = watcher::watcher(pods, config).boxed();
    while let Some(event) = events.next().await {
        let Ok(Event::Apply(pod) | Event::InitApply(pod)) = event else {
            continue;
        };
        let node = pod.spec.as_ref().and_then(|it| it.node_name.clone());
        if node.is_none_or(|node| shared.facts(&node).is_none()) {
            continue;
        }
        let client = shared.client.clone();
        tokio::spawn(async move {
            if let Err(error) = live(client, &pod).await {
                eprintln!("pod {}: {error}", pod.name_any());
            }
        });
    }
}

async fn live(client: Client, pod: &Pod) -> Result<(), kube::Error> {
    let name = pod.name_any();
    let pods: Api<Pod> = Api::namespaced(client, &pod.namespace().unwrap_or_default());
    if pod.metadata.deletion_timestamp.is_some() {
        let is_stuck = !pod.finalizers().is_empty() || pod.labels().contains_key("played/stuck");
        if is_stuck {
            return Ok(());
        }
        tokio::time::sleep(POD_ENDS_AFTER).await;
        let params = DeleteParams::default().grace_period(0);
        return match pods.delete(&name, &params).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            other => other.map(drop),
        };
    }
    let phase = pod.status.as_ref().and_then(|it| it.phase.as_deref());
    if phase != Some("Pending") {
        return Ok(());
    }
    let now = Timestamp::now();
    let status = json!({"status": {
        "phase": "Running",
        "startTime": now,
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": now}],
    }});
    let params = PatchParams::default();
    let patch = Patch::Strategic(&status);
    match pods.patch_status(&name, &params, &patch).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other.map(drop),
    }
}
