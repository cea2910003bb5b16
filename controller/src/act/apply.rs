//! One action.

use anyhow::{Result, bail};
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Error, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use unstall_crds::names::manager;
use unstall_crds::remediation::NodeRemediation;
use unstall_decide::{Action, Snapshot};

use super::actor::{Actor, params};
use super::{command, evictions, hand_over, health, node, slot, status};

/// Carries out `action`, which was decided on `seen`.
///
/// # Errors
/// When the API server refuses, or the live object is not what the plan saw.
pub async fn apply(actor: &Actor, seen: &Snapshot, action: Action) -> Result<()> {
    actor.check()?;
    let incidents: Api<NodeRemediation> = Api::all(actor.client.clone());
    match action {
        Action::CreateHealth(new) => health::create(actor, &new).await,
        Action::DeleteHealth { node, node_uid } => health::delete(actor, &node, &node_uid).await,
        Action::SetTriggers {
            node,
            triggers,
            report_interval,
            clear_command,
            seen,
        } => {
            let mut spec = json!({"triggers": triggers, "reportInterval": report_interval});
            if clear_command {
                spec["command"] = Value::Null;
            }
            health::patch(actor, &node, spec, seen).await
        }
        Action::OpenIncident(incident) => open(actor, &incidents, &incident).await,
        Action::Adopt {
            remediation,
            policy,
            seen,
        } => {
            let patch = json!({"metadata": {"resourceVersion": seen}, "spec": {"policy": policy}});
            let what = format!("cannot write the policy into NodeRemediation {remediation}");
            merge(actor, &incidents, &remediation, &patch, &what).await
        }
        Action::TakeSlot(request) => slot::take(actor, request).await,
        Action::ReleaseSlot(release) => slot::release(actor, &release).await,
        Action::TidyLedger {
            released,
            approved,
            seen,
        } => slot::tidy(actor, &released, &approved, seen).await,
        Action::SendCommand {
            node,
            remediation,
            payload,
            report_interval,
        } => {
            let pods = seen.pods.get(&node).map(Vec::as_slice);
            let order = command::Order {
                node: &node,
                remediation: &remediation,
                payload: &payload,
                pods,
            };
            command::send(actor, &order, &report_interval).await
        }
        Action::ClearCommand { node, seen } => {
            tracing::info!(node, "taking the command back");
            health::patch(actor, &node, json!({"command": Value::Null}), seen).await
        }
        Action::SetStatus {
            remediation,
            status,
            seen: version,
        } => status::write_remediation(actor, seen, &remediation, *status, version).await,
        Action::MarkNode { .. }
        | Action::SetConditions { .. }
        | Action::Evict(_)
        | Action::DeletePod(_)
        | Action::HandOver { .. }
        | Action::TakeBack { .. } => on_node(actor, seen, action).await,
        Action::Forget { remediation, uid } => forget(actor, &incidents, &remediation, uid).await,
    }
}

async fn open(
    actor: &Actor,
    incidents: &Api<NodeRemediation>,
    incident: &NodeRemediation,
) -> Result<()> {
    let trigger = incident.spec.trigger.as_deref().unwrap_or_default();
    tracing::info!(incident = incident.name_any(), trigger, "opening incident");
    create(actor, incidents, incident, "cannot create NodeRemediation").await
}

async fn forget(
    actor: &Actor,
    incidents: &Api<NodeRemediation>,
    name: &str,
    uid: String,
) -> Result<()> {
    tracing::info!(
        incident = name,
        "deleting the record of an incident that ended long ago"
    );
    delete(actor, incidents, name, uid, "cannot delete NodeRemediation").await
}

/// What is done to a Node, to its pods, or by others to it.
async fn on_node(actor: &Actor, seen: &Snapshot, action: Action) -> Result<()> {
    match action {
        Action::MarkNode {
            node,
            node_uid,
            marks,
            absent,
            seen,
        } => node::mark(actor, &node, &node_uid, &marks, absent.as_deref(), seen).await,
        Action::SetConditions { node, set, remove } => {
            let uid = seen.nodes.get(&node).map(|node| node.uid.as_str());
            node::set_conditions(actor, &node, uid, &set, &remove).await
        }
        Action::Evict(order) => evictions::begin(actor, order, true).await,
        Action::DeletePod(order) => evictions::begin(actor, order, false).await,
        Action::HandOver {
            node,
            remediation,
            template,
        } => hand_over::make(actor, &node, &remediation, &template).await,
        Action::TakeBack {
            node,
            remediation,
            template,
        } => hand_over::take_back(actor, &node, &remediation, &template).await,
        other => bail!("{other:?} is nothing that is done to a Node"),
    }
}

/// Writes `patch`.
pub async fn merge<K>(
    actor: &Actor,
    api: &Api<K>,
    name: &str,
    patch: &Value,
    what: &str,
) -> Result<()>
where
    K: Clone + std::fmt::Debug + DeserializeOwned,
{
    let params = PatchParams {
        field_manager: Some(manager::CONTROLLER.into()),
        ..PatchParams::default()
    };
    actor
        .call(what, api.patch(name, &params, &Patch::Merge(patch)))
        .await?;
    Ok(())
}

/// Creates an object; one that is there already was made in an earlier pass,
/// which the watch has not shown yet.
pub async fn create<K>(actor: &Actor, api: &Api<K>, object: &K, what: &str) -> Result<()>
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
    actor.call(what, call).await
}

/// Deletes the object with this UID; one that is gone is what was wanted.
pub async fn delete<K>(
    actor: &Actor,
    api: &Api<K>,
    name: &str,
    uid: String,
    what: &str,
) -> Result<()>
where
    K: Clone + std::fmt::Debug + DeserializeOwned,
{
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(uid),
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    let call = async {
        match api.delete(name, &params).await {
            Err(Error::Api(status)) if status.is_not_found() => Ok(()),
            other => other.map(|_| ()),
        }
    };
    actor.call(what, call).await
}
