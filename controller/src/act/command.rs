//! A signed command, after a live look at what it is based on.

use anyhow::{Context, Result, bail};
use kube::api::Api;
use serde_json::json;
use unstall_crds::command::CommandPayload;
use unstall_crds::health::NodeHealth;

use super::apply::patch_spec;
use super::{Actor, slot};
use crate::client::bounded;

/// Signs `payload` and hands it to the probe of `node`.
pub async fn send(
    actor: &Actor,
    healths: &Api<NodeHealth>,
    node: &str,
    remediation: &str,
    payload: &CommandPayload,
) -> Result<()> {
    let ledger = slot::live(actor).await?;
    let slots = ledger.status.map(|status| status.slots).unwrap_or_default();
    if !slots
        .iter()
        .any(|slot| slot.node == node && slot.remediation == remediation)
    {
        bail!("incident {remediation} holds no slot for node {node}: no command without one");
    }
    let health = bounded("cannot read NodeHealth", healths.get(node)).await?;
    if health.spec.node_uid != payload.node_uid {
        bail!(
            "node {node} has UID {} now, not {}",
            health.spec.node_uid,
            payload.node_uid
        );
    }
    let boot_id = health
        .status
        .and_then(|status| status.boot_id)
        .unwrap_or_default();
    if boot_id != payload.expect_boot_id {
        bail!(
            "node {node} runs boot {boot_id} now, not {}",
            payload.expect_boot_id
        );
    }
    let command = actor
        .signer
        .sign(payload)
        .context("cannot sign the command")?;
    tracing::info!(
        node,
        incident = remediation,
        id = payload.id,
        epoch = payload.epoch,
        action = %payload.action,
        key = actor.signer.key_id(),
        "sending command"
    );
    let version = health.metadata.resource_version;
    patch_spec(healths, node, json!({"command": command}), version).await
}
