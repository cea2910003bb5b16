//! One action.

use anyhow::Result;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Client, Error, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use unstall_crds::health::NodeHealth;
use unstall_crds::names::manager;
use unstall_crds::remediation::NodeRemediation;
use unstall_decide::Action;

use super::{command, slot, status};
use crate::client::bounded;
use crate::keys::Signer;

/// Who acts.
pub struct Actor {
    /// The API server.
    pub client: Client,
    /// Signs commands.
    pub signer: Signer,
    /// The epoch in which this controller leads.
    pub epoch: i64,
}

/// Carries out `action`.
///
/// # Errors
/// When the API server refuses, or the live object is not what the plan saw.
pub async fn apply(actor: &Actor, action: Action) -> Result<()> {
    let healths: Api<NodeHealth> = Api::all(actor.client.clone());
    match action {
        Action::CreateHealth(health) => {
            tracing::info!(node = health.name_any(), "creating NodeHealth");
            create(&healths, &health, "cannot create NodeHealth").await
        }
        Action::DeleteHealth { node, node_uid } => delete_health(&healths, &node, &node_uid).await,
        Action::SetTriggers {
            node,
            triggers,
            report_interval,
            seen,
        } => {
            let spec = json!({"triggers": triggers, "reportInterval": report_interval});
            patch_spec(&healths, &node, spec, seen).await
        }
        Action::OpenIncident(incident) => {
            let trigger = incident.spec.trigger.as_deref().unwrap_or_default();
            tracing::info!(incident = incident.name_any(), trigger, "opening incident");
            let incidents: Api<NodeRemediation> = Api::all(actor.client.clone());
            create(&incidents, &incident, "cannot create NodeRemediation").await
        }
        Action::TakeSlot(request) => slot::take(actor, request).await,
        Action::ReleaseSlot { node, remediation } => {
            slot::release(actor, &node, &remediation).await
        }
        Action::SendCommand {
            node,
            remediation,
            payload,
        } => command::send(actor, &healths, &node, &remediation, &payload).await,
        Action::ClearCommand { node, seen } => {
            tracing::info!(node, "taking the command back");
            patch_spec(&healths, &node, json!({"command": Value::Null}), seen).await
        }
        Action::SetStatus {
            remediation,
            status,
            seen,
        } => status::write_remediation(&actor.client, &remediation, *status, seen).await,
    }
}

/// Patches a `NodeHealth`'s spec, if nothing changed since `resource_version`.
pub async fn patch_spec(
    api: &Api<NodeHealth>,
    node: &str,
    spec: Value,
    resource_version: Option<String>,
) -> Result<()> {
    let mut patch = json!({"spec": spec});
    if let Some(version) = resource_version {
        patch["metadata"] = json!({"resourceVersion": version});
    }
    let params = PatchParams {
        field_manager: Some(manager::CONTROLLER.into()),
        ..PatchParams::default()
    };
    let patch = Patch::Merge(&patch);
    let what = format!("cannot write the spec of NodeHealth {node}");
    bounded(&what, api.patch(node, &params, &patch)).await?;
    Ok(())
}

async fn delete_health(api: &Api<NodeHealth>, node: &str, node_uid: &str) -> Result<()> {
    let Some(live) = bounded("cannot read NodeHealth", api.get_opt(node)).await? else {
        return Ok(());
    };
    if live.spec.node_uid != node_uid {
        return Ok(());
    }
    tracing::info!(
        node,
        "deleting the NodeHealth of an earlier node of this name"
    );
    let uid = live.metadata.uid;
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid,
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    bounded("cannot delete NodeHealth", api.delete(node, &params)).await?;
    Ok(())
}

/// The parameters of every write: who writes.
pub fn params() -> PostParams {
    PostParams {
        field_manager: Some(manager::CONTROLLER.into()),
        ..PostParams::default()
    }
}

/// Creates an object; one that is there already was made in an earlier pass,
/// which the watch has not shown yet.
async fn create<K>(api: &Api<K>, object: &K, what: &str) -> Result<()>
where
    K: Clone + std::fmt::Debug + Serialize + DeserializeOwned,
{
    let params = params();
    let call = async {
        match api.create(&params, object).await {
            Err(Error::Api(status)) if status.is_already_exists() => Ok(()),
            other => other.map(|_| ()),
        }
    };
    bounded(what, call).await
}
