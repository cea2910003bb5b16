//! Deletions, which budgets do not stop.

use serde_json::{Value, json};
use unstall_controller::evict::{carry_out, delete, evict};
use unstall_decide::drain::Do;
use unstall_decide::{PodRef, Said};

use crate::place::Place;

#[tokio::test]
async fn a_deletion_goes_past_budgets_and_keeps_the_grace_period() {
    let Some(place) = Place::new("delete").await else {
        return;
    };
    let pod = place.pod("web-1", Value::Null, Value::Null).await;
    let other = place.pod("web-2", Value::Null, Value::Null).await;
    place.budget("a", json!({"minAvailable": 2})).await;
    place.budget("b", json!({"minAvailable": 2})).await;
    assert_eq!(
        evict(&place.client, &pod, None).await.said,
        Said::ManyBudgets
    );
    let answer = delete(&place.client, &pod, None).await;
    assert_eq!((answer.said, answer.message.as_str()), (Said::Accepted, ""));
    place.terminates(&pod, 30).await;
    let call = Do::Delete {
        pod: other.clone(),
        grace: Some(0),
    };
    assert_eq!(carry_out(&place.client, &call).await.said, Said::Accepted);
    place.terminates(&other, 1).await;
    place.is_gone("web-1").await;
    assert_eq!(delete(&place.client, &pod, None).await.said, Said::Gone);
}

#[tokio::test]
async fn another_pod_of_the_same_name_is_not_deleted() {
    let Some(place) = Place::new("delete-uid").await else {
        return;
    };
    let old = place.pod("web-1", Value::Null, Value::Null).await;
    place.is_gone("web-1").await;
    let new = place.pod("web-1", Value::Null, Value::Null).await;
    let answer = delete(&place.client, &old, None).await;
    assert_eq!(answer.said, Said::Gone, "{answer:?}");
    let nameless = PodRef {
        uid: String::new(),
        ..new.clone()
    };
    assert_eq!(
        delete(&place.client, &nameless, None).await.said,
        Said::Refused
    );
    place.unharmed(&new).await;
}

#[tokio::test]
async fn a_pod_of_a_terminating_namespace_may_be_deleted() {
    let Some(place) = Place::new("delete-terminating").await else {
        return;
    };
    let kept = json!({"finalizers": ["example.org/keep"]});
    let pod = place.pod("web-1", kept, Value::Null).await;
    let all: kube::Api<k8s_openapi::api::core::v1::Namespace> =
        kube::Api::all(place.client.clone());
    let params = kube::api::DeleteParams::default();
    all.delete(&place.namespace, &params).await.unwrap();
    assert_eq!(
        evict(&place.client, &pod, None).await.said,
        Said::NamespaceTerminating
    );
    assert_eq!(delete(&place.client, &pod, None).await.said, Said::Accepted);
    let patch = json!({"metadata": {"finalizers": null}});
    let pods = place.api::<k8s_openapi::api::core::v1::Pod>();
    let patch = kube::api::Patch::Merge(&patch);
    pods.patch("web-1", &Default::default(), &patch)
        .await
        .unwrap();
}
