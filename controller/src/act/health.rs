//! A node's `NodeHealth`: its making, its end, its spec.

use anyhow::Result;
use kube::ResourceExt;
use kube::api::Api;
use serde_json::{Value, json};
use unstall_crds::health::NodeHealth;

use super::actor::Actor;
use super::apply;

pub async fn create(actor: &Actor, health: &NodeHealth) -> Result<()> {
    tracing::info!(node = health.name_any(), "creating NodeHealth");
    apply::create(actor, &api(actor), health, "cannot create NodeHealth").await
}

/// Deletes the `NodeHealth` of an earlier node.
pub async fn delete(actor: &Actor, node: &str, node_uid: &str) -> Result<()> {
    let api = api(actor);
    let Some(live) = actor
        .call("cannot read NodeHealth", api.get_opt(node))
        .await?
    else {
        return Ok(());
    };
    if live.spec.node_uid != node_uid {
        return Ok(());
    }
    tracing::info!(
        node,
        "deleting the NodeHealth of an earlier node of this name"
    );
    let uid = live.metadata.uid.unwrap_or_default();
    apply::delete(actor, &api, node, uid, "cannot delete NodeHealth").await
}

/// Patches a `NodeHealth`'s spec, if nothing changed since `resource_version`.
pub async fn patch(
    actor: &Actor,
    node: &str,
    spec: Value,
    resource_version: Option<String>,
) -> Result<()> {
    let mut patch = json!({"spec": spec});
    if let Some(version) = resource_version {
        patch["metadata"] = json!({"resourceVersion": version});
    }
    let what = format!("cannot write the spec of NodeHealth {node}");
    apply::merge(actor, &api(actor), node, &patch, &what).await
}

fn api(actor: &Actor) -> Api<NodeHealth> {
    Api::all(actor.client.clone())
}
