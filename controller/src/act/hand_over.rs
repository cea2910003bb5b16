//! The object of another remediator, made from its template.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use kube::Error;
use kube::api::{DeleteParams, DynamicObject};
use serde_json::{Value, json};
use unstall_crds::names::GROUP;
use unstall_crds::policy::TemplateReference;

use super::actor::{Actor, params};
use super::slot;
use crate::client::bounded;
use crate::observe::dynamic_api;

/// The label by which the object is known as ours: the incident.
const LABEL: &str = "remediation";
/// How long discovery may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Makes it, named after the node, with the template's spec.
pub async fn make(
    actor: &Actor,
    node: &str,
    remediation: &str,
    template: &TemplateReference,
) -> Result<()> {
    slot::require(actor, node, remediation).await?;
    let namespace = template.namespace.as_deref();
    let templates = tokio::time::timeout(
        LIMIT,
        dynamic_api(
            &actor.client,
            &template.api_version,
            &template.kind,
            namespace,
        ),
    )
    .await
    .context("the kind of the template was not found in time")??;
    let found = bounded("cannot read the template", templates.get(&template.name)).await?;
    let kind = template.kind.trim_end_matches("Template");
    let object = object(&found.data, template, kind, node, remediation);
    let object: DynamicObject = serde_json::from_value(object)?;
    tracing::info!(node, incident = remediation, kind, "handing the node over");
    let objects = dynamic_api(&actor.client, &template.api_version, kind, namespace).await?;
    actor.check()?;
    let params = params();
    let call = async {
        match objects.create(&params, &object).await {
            Err(Error::Api(status)) if status.is_already_exists() => Ok(()),
            other => other.map(|_| ()),
        }
    };
    bounded("cannot make the other remediator's object", call).await
}

fn object(
    found: &Value,
    template: &TemplateReference,
    kind: &str,
    node: &str,
    remediation: &str,
) -> Value {
    let spec = found.pointer("/spec/template/spec");
    json!({
        "apiVersion": template.api_version,
        "kind": kind,
        "metadata": {
            "name": node,
            "namespace": template.namespace,
            "labels": {format!("{GROUP}/{LABEL}"): remediation},
        },
        "spec": spec.cloned().unwrap_or_else(|| json!({})),
    })
}

/// Deletes it, if it is the one that was made for the incident.
pub async fn take_back(
    actor: &Actor,
    node: &str,
    remediation: &str,
    template: &TemplateReference,
) -> Result<()> {
    let kind = template.kind.trim_end_matches("Template");
    let namespace = template.namespace.as_deref();
    let objects = dynamic_api(&actor.client, &template.api_version, kind, namespace).await?;
    let found = bounded("cannot look for the object", objects.get_metadata_opt(node)).await?;
    let Some(found) = found else {
        return Ok(());
    };
    let labels = found.metadata.labels.unwrap_or_default();
    let of = labels.get(&format!("{GROUP}/{LABEL}"));
    if of.map(String::as_str) != Some(remediation) {
        bail!("{kind} {node} was not made for incident {remediation}, and stays");
    }
    tracing::info!(node, incident = remediation, kind, "taking the node back");
    let call = async {
        match objects.delete(node, &DeleteParams::default()).await {
            Err(Error::Api(status)) if status.is_not_found() => Ok(()),
            other => other.map(|_| ()),
        }
    };
    bounded("cannot delete the other remediator's object", call).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_has_the_templates_spec_and_the_nodes_name() {
        let template = TemplateReference {
            api_version: "x.example/v1".to_owned(),
            kind: "FenceTemplate".to_owned(),
            name: "t".to_owned(),
            namespace: Some("ns".to_owned()),
        };
        let found = json!({"spec": {"template": {"spec": {"strategy": "Auto"}}}});
        assert_eq!(
            object(&found, &template, "Fence", "n1", "n1-3"),
            json!({
                "apiVersion": "x.example/v1", "kind": "Fence",
                "metadata": {"name": "n1", "namespace": "ns", "labels": {"unstall.dev/remediation": "n1-3"}},
                "spec": {"strategy": "Auto"},
            })
        );
        let bare = object(&json!({}), &template, "Fence", "n1", "n1-3");
        assert_eq!(bare["spec"], json!({}));
    }
}
