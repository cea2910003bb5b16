//! Our marks and conditions on a Node.

use anyhow::{Result, bail};
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use unstall_crds::names::manager;
use unstall_crds::remediation::NodeRemediation;
use unstall_decide::{Marks, NodeCondition};

use super::actor::Actor;
use super::apply;

/// Sets and removes marks, if nothing changed on the Node since `seen`. What is
/// removed because nobody stands behind it must not have anybody now.
pub async fn mark(
    actor: &Actor,
    node: &str,
    node_uid: &str,
    marks: &Marks,
    absent: Option<&str>,
    seen: Option<String>,
) -> Result<()> {
    if let Some(incident) = absent {
        let api: Api<NodeRemediation> = Api::all(actor.client.clone());
        let what = format!("cannot look for NodeRemediation {incident}");
        if actor
            .call(&what, api.get_metadata_opt(incident))
            .await?
            .is_some()
        {
            bail!("incident {incident} exists, and its marks on node {node} stay");
        }
    }
    match marks.unschedulable {
        Some(true) => tracing::info!(node, "cordoning the node"),
        Some(false) => tracing::info!(node, "uncordoning the node"),
        None => tracing::info!(node, "changing marks on the node"),
    }
    let what = format!("cannot mark node {node}");
    apply::merge(
        actor,
        &api(actor),
        node,
        &patch(node_uid, marks, seen),
        &what,
    )
    .await
}

fn patch(node_uid: &str, marks: &Marks, seen: Option<String>) -> Value {
    let mut patch = json!({"metadata": {
        "uid": node_uid,
        "annotations": marks.annotations,
        "labels": marks.labels,
    }});
    if let Some(version) = seen {
        patch["metadata"]["resourceVersion"] = json!(version);
    }
    if let Some(unschedulable) = marks.unschedulable {
        // As kubectl does: false is absent.
        let value = unschedulable.then_some(true);
        patch["spec"] = json!({"unschedulable": value});
    }
    patch
}

/// Sets and removes conditions, and touches those of nobody else.
pub async fn set_conditions(
    actor: &Actor,
    node: &str,
    node_uid: Option<&str>,
    set: &[NodeCondition],
    remove: &[String],
) -> Result<()> {
    let set = set.iter().map(|it| {
        json!({
            "type": it.type_,
            "status": it.status,
            "reason": it.reason,
            "message": it.message,
            "lastTransitionTime": it.since,
            "lastHeartbeatTime": it.since,
        })
    });
    let remove = remove
        .iter()
        .map(|type_| json!({"type": type_, "$patch": "delete"}));
    let conditions: Vec<Value> = set.chain(remove).collect();
    let mut patch = json!({"status": {"conditions": conditions}});
    if let Some(uid) = node_uid {
        // Of another node of this name nothing is known.
        patch["metadata"] = json!({"uid": uid});
    }
    let params = PatchParams {
        field_manager: Some(manager::CONTROLLER.into()),
        ..PatchParams::default()
    };
    let what = format!("cannot write conditions of node {node}");
    // Merged by type: a plain merge would replace the kubelet's.
    let patch = Patch::Strategic(&patch);
    actor
        .call(&what, api(actor).patch_status(node, &params, &patch))
        .await?;
    Ok(())
}

fn api(actor: &Actor) -> Api<Node> {
    Api::all(actor.client.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_removed_is_null_and_what_is_not_ours_is_not_named() {
        let marks = Marks {
            unschedulable: Some(false),
            annotations: [("unstall.dev/cordoned-by".to_owned(), None)].into(),
            labels: [("unstall.dev/gate".to_owned(), Some("ceph".to_owned()))].into(),
        };
        assert_eq!(
            patch("u", &marks, Some("7".to_owned())),
            json!({
                "metadata": {
                    "uid": "u", "resourceVersion": "7",
                    "annotations": {"unstall.dev/cordoned-by": null},
                    "labels": {"unstall.dev/gate": "ceph"},
                },
                "spec": {"unschedulable": null},
            })
        );
        let none = patch("u", &Marks::default(), None);
        assert_eq!(none.get("spec"), None);
    }
}
