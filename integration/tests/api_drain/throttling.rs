//! An API server that has no room for us.

use k8s_openapi::api::flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Api;
use serde_json::{Value, json};
use unstall_controller::client;
use unstall_controller::evict::{delete, evict};
use unstall_decide::Said;

use crate::place::{Place, config, create};
use crate::webhook::{Manner, Webhook};

#[tokio::test]
async fn priority_and_fairness_asks_for_fewer_calls_and_names_no_budget() {
    let Some(place) = Place::new("throttled").await else {
        return;
    };
    let first = place.pod("web-1", Value::Null, Value::Null).await;
    let pod = place.pod("web-2", Value::Null, Value::Null).await;
    let _level = Level::new(&place).await;
    let mut config = config(place.kubectl).await;
    config.auth_info.impersonate = Some(place.namespace.clone());
    let client = client::with(config).unwrap();
    let Some(webhook) = Webhook::start(&place, Manner::Hangs).await else {
        return;
    };
    // A level without seats still serves one request at a time: here the one that hangs.
    let one = client.clone();
    let hanging = tokio::spawn(async move { evict(&one, &first, None).await });
    place
        .until("one eviction to hang", async || !webhook.seen().is_empty())
        .await;
    for answer in [
        evict(&client, &pod, None).await,
        delete(&client, &pod, None).await,
    ] {
        assert_eq!(answer.said, Said::Throttled, "{answer:?}");
        assert_eq!(answer.message, "Too many requests, please try again later.");
        assert_eq!(answer.budget, None);
    }
    place.unharmed(&pod).await;
    hanging.abort();
}

/// A priority level without seats, for the user of the test's name, who may do everything in the
/// test's namespace.
struct Level<'a> {
    place: &'a Place,
}

impl<'a> Level<'a> {
    async fn new(place: &'a Place) -> Self {
        let name = &place.namespace;
        let levels: Api<PriorityLevelConfiguration> = Api::all(place.client.clone());
        let limited = json!({
            "nominalConcurrencyShares": 0, "borrowingLimitPercent": 0,
            "limitResponse": {"type": "Reject"},
        });
        let spec = json!({"type": "Limited", "limited": limited});
        create(&levels, json!({"metadata": {"name": name}, "spec": spec})).await;
        let schemas: Api<FlowSchema> = Api::all(place.client.clone());
        let rule = json!({
            "subjects": [{"kind": "User", "user": {"name": name}}],
            "resourceRules": [{
                "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"],
            }],
        });
        let spec = json!({
            "priorityLevelConfiguration": {"name": name}, "matchingPrecedence": 2, "rules": [rule],
        });
        create(&schemas, json!({"metadata": {"name": name}, "spec": spec})).await;
        let api = "rbac.authorization.k8s.io";
        let binding = json!({
            "metadata": {"name": name},
            "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"apiGroup": api, "kind": "User", "name": name}],
        });
        create(&place.api::<RoleBinding>(), binding).await;
        place
            .until("the flow schema to count", async || {
                let status = schemas.get(name).await.unwrap().status;
                let conditions = status.and_then(|it| it.conditions).unwrap_or_default();
                conditions
                    .iter()
                    .any(|it| it.status.as_deref() == Some("False"))
            })
            .await;
        Self { place }
    }
}

impl Drop for Level<'_> {
    fn drop(&mut self) {
        for kind in ["flowschema", "prioritylevelconfiguration"] {
            self.place.delete(kind, &self.place.namespace);
        }
    }
}
