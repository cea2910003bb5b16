//! What `PodDisruptionBudgets` make of an eviction.

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use unstall_controller::evict::evict;
use unstall_decide::Said;

use crate::place::{Place, create};

#[tokio::test]
async fn a_budget_that_allows_nothing_forbids_it_by_name() {
    let Some(place) = Place::new("budget").await else {
        return;
    };
    let pod = place.pod("web-1", Value::Null, Value::Null).await;
    place.budget("web", json!({"minAvailable": 1})).await;
    let answer = evict(&place.client, &pod, None).await;
    assert_eq!(answer.said, Said::Budget, "{answer:?}");
    assert_eq!(answer.budget.as_deref(), Some("web"));
    let words = "The disruption budget web needs 1 healthy pods and has 1 currently";
    assert_eq!(answer.message, words);
    place.unharmed(&pod).await;
}

#[tokio::test]
async fn a_budget_is_used_up_by_one_eviction_after_the_other() {
    let Some(place) = Place::new("one-by-one").await else {
        return;
    };
    let mut pods = Vec::new();
    for name in ["web-1", "web-2", "web-3"] {
        pods.push(place.pod(name, Value::Null, Value::Null).await);
    }
    place.budget("web", json!({"minAvailable": 2})).await;
    place.until_allowed("web", 1).await;
    assert_eq!(
        evict(&place.client, &pods[0], None).await.said,
        Said::Accepted
    );
    assert_eq!(
        evict(&place.client, &pods[1], None).await.said,
        Said::Budget
    );
    place.unharmed(&pods[1]).await;
    place.is_gone("web-1").await;
    assert_eq!(
        evict(&place.client, &pods[1], None).await.said,
        Said::Budget
    );
    // A replacement that is ready makes room for the next.
    place.pod("web-4", Value::Null, Value::Null).await;
    place.until_allowed("web", 1).await;
    assert_eq!(
        evict(&place.client, &pods[1], None).await.said,
        Said::Accepted
    );
}

#[tokio::test]
async fn a_budget_whose_status_is_older_than_its_spec_forbids_it_for_now() {
    let Some(place) = Place::new("stale").await else {
        return;
    };
    let frozen = Frozen::new(&place).await;
    let pod = place.pod("web-1", Value::Null, Value::Null).await;
    let budget = json!({
        "metadata": {"name": "web"},
        "spec": {"minAvailable": 0, "selector": {"matchLabels": {"app": "web"}}},
    });
    let budgets: Api<PodDisruptionBudget> = place.api();
    create(&budgets, budget).await;
    let answer = evict(&place.client, &pod, None).await;
    assert_eq!(answer.said, Said::StaleBudget, "{answer:?}");
    assert_eq!(answer.budget.as_deref(), Some("web"));
    place.unharmed(&pod).await;
    let live = budgets.get("web").await.unwrap();
    assert_eq!(unstall_controller::budget::from_kube(&live).allowed, 0);
    drop(frozen);
    place.until_allowed("web", 1).await;
    assert_eq!(evict(&place.client, &pod, None).await.said, Said::Accepted);
}

#[tokio::test]
async fn two_budgets_are_more_than_the_api_server_can_do() {
    let Some(place) = Place::new("two").await else {
        return;
    };
    let pod = place.pod("web-1", Value::Null, Value::Null).await;
    place.budget("a", json!({"minAvailable": 0})).await;
    place.budget("b", json!({"minAvailable": 0})).await;
    let answer = evict(&place.client, &pod, None).await;
    assert_eq!(answer.said, Said::ManyBudgets, "{answer:?}");
    println!("{}", answer.message);
    place.unharmed(&pod).await;
}

#[tokio::test]
async fn pods_that_do_not_run_need_no_budget() {
    let Some(place) = Place::new("not-running").await else {
        return;
    };
    let pending = place.pending("pending", Value::Null, Value::Null).await;
    let done = place.pod("done", Value::Null, Value::Null).await;
    place.is("done", "Succeeded", false).await;
    place.budget("web", json!({"minAvailable": 5})).await;
    assert_eq!(
        evict(&place.client, &pending, None).await.said,
        Said::Accepted
    );
    place.terminates(&pending, 30).await;
    assert_eq!(evict(&place.client, &done, None).await.said, Said::Accepted);
    // What has ended needs no kubelet to be gone.
    assert_eq!(place.live("done").await, None);
}

/// Keeps the controller manager from judging budgets of the namespace.
struct Frozen<'a> {
    place: &'a Place,
}

const POLICY: &str = "validatingadmissionpolicy";
const BINDING: &str = "validatingadmissionpolicybinding";

impl<'a> Frozen<'a> {
    async fn new(place: &'a Place) -> Self {
        let name = &place.namespace;
        let policies: Api<ValidatingAdmissionPolicy> = Api::all(place.client.clone());
        let rule = json!({
            "apiGroups": ["policy"], "apiVersions": ["v1"], "operations": ["UPDATE"],
            "resources": ["poddisruptionbudgets/status"],
        });
        let policy = json!({
            "metadata": {"name": name},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {
                    "resourceRules": [rule],
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
                },
                "validations": [{"expression": "false", "message": "frozen by a test"}],
            },
        });
        create(&policies, policy).await;
        let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(place.client.clone());
        let binding = json!({
            "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        });
        create(&bindings, binding).await;
        // A policy counts some time after it was made.
        let budgets: Api<PodDisruptionBudget> = place.api();
        let probe = json!({
            "metadata": {"name": "probe"},
            "spec": {"minAvailable": 0, "selector": {"matchLabels": {"app": "probe"}}},
        });
        create(&budgets, probe).await;
        let patch = json!({"status": {"disruptedPods": {"x": "2026-01-01T00:00:00Z"}}});
        let (params, patch) = (PatchParams::default(), Patch::Merge(&patch));
        place
            .until("budgets to be frozen", async || {
                let patched = budgets.patch_status("probe", &params, &patch).await;
                patched.is_err_and(|error| error.to_string().contains("frozen by a test"))
            })
            .await;
        Self { place }
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        for kind in [BINDING, POLICY] {
            self.place.delete(kind, &self.place.namespace);
        }
    }
}
