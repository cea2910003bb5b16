//! The object of another remediator, made from its template.

use anyhow::Result;
use kube::Error;
use kube::api::{Api, DynamicObject};
use serde_json::{Value, json};
use unstall_crds::names::annotation;
use unstall_crds::policy::TemplateReference;

use super::actor::{Actor, params};
use super::{apply, slot};
use crate::observe::{dynamic_api, is_unknown_kind};

/// Makes it, named after the node, with the template's spec. What the API server
/// refuses for good is told to the next decision.
///
/// # Errors
/// When it was not made.
pub async fn make(
    actor: &Actor,
    node: &str,
    remediation: &str,
    template: &TemplateReference,
) -> Result<()> {
    let made = try_to_make(actor, node, remediation, template).await;
    if let Some(why) = made.as_ref().err().and_then(refusal) {
        actor.sights.refuse(remediation, why);
    }
    made
}

/// What the API server says where asking again would be answered the same.
fn refusal(error: &anyhow::Error) -> Option<String> {
    let Some(Error::Api(status)) = error.downcast_ref() else {
        return None;
    };
    let is_final = matches!(status.code, 400 | 403 | 404 | 422);
    is_final.then(|| status.message.clone())
}

async fn try_to_make(
    actor: &Actor,
    node: &str,
    remediation: &str,
    template: &TemplateReference,
) -> Result<()> {
    slot::require(actor, node, remediation).await?;
    let templates = of_kind(actor, template, &template.kind);
    let templates = actor
        .call("cannot find the kind of the template", templates)
        .await?;
    let found = actor
        .call("cannot read the template", templates.get(&template.name))
        .await?;
    let kind = template.kind.trim_end_matches("Template");
    let object = object(&found.data, template, kind, node, remediation);
    let object: DynamicObject = serde_json::from_value(object)?;
    tracing::info!(node, incident = remediation, kind, "handing the node over");
    let objects = of_kind(actor, template, kind);
    let objects = actor
        .call("cannot find the other remediator's kind", objects)
        .await?;
    actor.check()?;
    let params = params();
    // Whatever was seen of it before is not true any more.
    let _forgotten = Forget(actor, remediation);
    let call = async {
        match objects.create(&params, &object).await {
            Err(Error::Api(status)) if status.is_already_exists() => Ok(()),
            other => other.map(|_| ()),
        }
    };
    actor
        .call("cannot make the other remediator's object", call)
        .await
}

/// Has what was seen of an incident's object forgotten once that was written to.
struct Forget<'a>(&'a Actor, &'a str);

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.0.sights.forget(self.1);
    }
}

async fn of_kind(
    actor: &Actor,
    template: &TemplateReference,
    kind: &str,
) -> Result<Api<DynamicObject>, Error> {
    let namespace = template.namespace.as_deref();
    dynamic_api(&actor.client, &template.api_version, kind, namespace).await
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
            "annotations": {annotation::REMEDIATION: remediation},
        },
        "spec": spec.cloned().unwrap_or_else(|| json!({})),
    })
}

/// Deletes it, if it is the one that was made for the incident. One of a kind that is
/// gone, or that this controller may not touch any more, is nothing to wait for.
pub async fn take_back(
    actor: &Actor,
    node: &str,
    remediation: &str,
    template: &TemplateReference,
) -> Result<()> {
    let kind = template.kind.trim_end_matches("Template");
    let found = actor.call("cannot look for the other remediator's object", async {
        let look = async {
            let objects = of_kind(actor, template, kind).await?;
            let found = objects.get_metadata_opt(node).await?;
            Ok(found.map(|found| (objects, found.metadata)))
        };
        match look.await {
            Err(error) if is_unknown_kind(&error) || is_forbidden(&error) => {
                tracing::warn!(node, incident = remediation, kind, %error, "cannot take the node back");
                Ok(None)
            }
            other => other,
        }
    });
    let Some((objects, found)) = found.await? else {
        return Ok(());
    };
    let annotations = found.annotations.unwrap_or_default();
    let of = annotations.get(annotation::REMEDIATION);
    let of = of.map(String::as_str);
    if of != Some(remediation) {
        tracing::warn!(
            node,
            incident = remediation,
            kind,
            of,
            "an object of others stays"
        );
        return Ok(());
    }
    tracing::info!(node, incident = remediation, kind, "taking the node back");
    let _forgotten = Forget(actor, remediation);
    let uid = found.uid.unwrap_or_default();
    apply::delete(
        actor,
        &objects,
        node,
        uid,
        "cannot delete the other remediator's object",
    )
    .await
}

fn is_forbidden(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.is_forbidden())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_for_good_is_told_and_the_rest_tried_again() {
        use anyhow::Context;
        use kube::core::Status;
        let answer = |code| {
            let status = Status::failure("spec.x: Required value", "").with_code(code);
            Err::<(), _>(Error::Api(Box::new(status))).context("cannot make it")
        };
        for code in [400, 403, 404, 422] {
            let why = refusal(&answer(code).unwrap_err());
            assert_eq!(why.as_deref(), Some("spec.x: Required value"), "{code}");
        }
        for code in [401, 409, 429, 500, 503] {
            assert_eq!(refusal(&answer(code).unwrap_err()), None, "{code}");
        }
        assert_eq!(refusal(&anyhow::anyhow!("no answer in 20 s")), None);
    }

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
                "metadata": {"name": "n1", "namespace": "ns", "annotations": {"unstall.dev/remediation": "n1-3"}},
                "spec": {"strategy": "Auto"},
            })
        );
        let bare = object(&json!({}), &template, "Fence", "n1", "n1-3");
        assert_eq!(bare["spec"], json!({}));
    }
}
