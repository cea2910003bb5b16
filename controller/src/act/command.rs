//! A signed command, after a live look at what it is based on.

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Node;
use kube::api::Api;
use serde_json::json;
use unstall_crds::command::{CommandAction, CommandPayload};
use unstall_crds::health::NodeHealth;
use unstall_crds::names::annotation;
use unstall_crds::units::GoDuration;

use super::actor::Actor;
use super::{health, slot};
use crate::client::bounded;

/// Signs `payload` and hands it to the probe of `node`.
pub async fn send(
    actor: &Actor,
    node: &str,
    remediation: &str,
    payload: &CommandPayload,
    report_interval: &GoDuration,
) -> Result<()> {
    slot::require(actor, node, remediation).await?;
    if payload.action == CommandAction::Reboot {
        require_cordon(actor, node, remediation, payload).await?;
    }
    let healths: Api<NodeHealth> = Api::all(actor.client.clone());
    let live = bounded("cannot read NodeHealth", healths.get(node)).await?;
    if live.spec.node_uid != payload.node_uid {
        bail!(
            "node {node} has UID {} now, not {}",
            live.spec.node_uid,
            payload.node_uid
        );
    }
    let boot_id = live
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
    actor.check()?;
    let version = live.metadata.resource_version;
    let spec = json!({"command": command, "reportInterval": report_interval});
    health::patch(actor, node, spec, version).await
}

/// A node is rebooted only while it carries the incident's cordon, and runs the
/// boot that was decided on by its kubelet's word too.
async fn require_cordon(
    actor: &Actor,
    node: &str,
    remediation: &str,
    payload: &CommandPayload,
) -> Result<()> {
    let nodes: Api<Node> = Api::all(actor.client.clone());
    let live = bounded("cannot read the Node", nodes.get(node)).await?;
    let annotations = live.metadata.annotations.unwrap_or_default();
    let by = annotations.get(annotation::CORDONED_BY);
    let is_cordoned = live.spec.and_then(|spec| spec.unschedulable) == Some(true);
    if !is_cordoned || by.map(String::as_str) != Some(remediation) {
        bail!("node {node} does not carry the cordon of incident {remediation} any more");
    }
    let info = live.status.and_then(|status| status.node_info);
    let boot_id = info.map(|info| info.boot_id).unwrap_or_default();
    if boot_id != payload.expect_boot_id {
        bail!(
            "the kubelet of node {node} tells boot {boot_id} now, not {}",
            payload.expect_boot_id
        );
    }
    Ok(())
}
