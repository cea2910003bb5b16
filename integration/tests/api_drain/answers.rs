//! Answers that need nothing but a pod.

use std::time::Instant;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams};
use serde_json::{Value, json};
use unstall_controller::evict::{LIMIT, evict};
use unstall_decide::{PodRef, Said};

use crate::place::Place;

#[tokio::test]
async fn an_accepted_eviction_terminates_the_pod_with_its_own_grace() {
    let Some(place) = Place::new("accepted").await else {
        return;
    };
    let pod = place.pod("web-1", Value::Null, Value::Null).await;
    let answer = evict(&place.client, &pod, None).await;
    assert_eq!((answer.said, answer.message.as_str()), (Said::Accepted, ""));
    place.terminates(&pod, 30).await;
    // A second one changes nothing: it is terminating.
    let until = place
        .live("web-1")
        .await
        .unwrap()
        .metadata
        .deletion_timestamp;
    assert_eq!(evict(&place.client, &pod, None).await.said, Said::Accepted);
    let again = place
        .live("web-1")
        .await
        .unwrap()
        .metadata
        .deletion_timestamp;
    assert_eq!(until, again);
    place.is_gone("web-1").await;
    let answer = evict(&place.client, &pod, None).await;
    assert_eq!(answer.said, Said::Gone, "{answer:?}");
}

#[tokio::test]
async fn a_grace_period_is_sent_and_never_nothing() {
    let Some(place) = Place::new("grace").await else {
        return;
    };
    for (name, asked, given) in [("a", Some(90), 90), ("b", Some(0), 1), ("c", Some(-7), 1)] {
        let pod = place.pod(name, Value::Null, Value::Null).await;
        assert_eq!(evict(&place.client, &pod, asked).await.said, Said::Accepted);
        place.terminates(&pod, given).await;
    }
    // Without a grace period of its own the pod would be out of the API at once.
    let spec = json!({"terminationGracePeriodSeconds": 0});
    let pod = place.pod("d", Value::Null, spec).await;
    let plain = unstall_controller::pod::from_kube(&place.live("d").await.unwrap());
    assert_eq!(plain.grace_seconds, 0);
    assert_eq!(
        evict(&place.client, &pod, Some(1)).await.said,
        Said::Accepted
    );
    place.terminates(&pod, 1).await;
}

#[tokio::test]
async fn another_pod_of_the_same_name_is_left_alone() {
    let Some(place) = Place::new("uid").await else {
        return;
    };
    let old = place.pod("web-1", Value::Null, Value::Null).await;
    place.is_gone("web-1").await;
    let new = place.pod("web-1", Value::Null, Value::Null).await;
    assert_ne!(old.uid, new.uid);
    let answer = evict(&place.client, &old, None).await;
    assert_eq!(answer.said, Said::Gone, "{answer:?}");
    place.unharmed(&new).await;
}

/// The API server takes 10 s to say it of a pod that does not run: it tries 20 times.
#[tokio::test]
async fn another_pod_that_does_not_run_yet_is_left_alone_too() {
    let Some(place) = Place::new("uid-pending").await else {
        return;
    };
    let new = place.pending("web-1", Value::Null, Value::Null).await;
    let old = PodRef {
        uid: "00000000-0000-0000-0000-000000000000".into(),
        ..new.clone()
    };
    let started = Instant::now();
    let answer = evict(&place.client, &old, None).await;
    assert_eq!(answer.said, Said::Gone, "{answer:?}");
    println!("answered after {:?}", started.elapsed());
    assert!(started.elapsed() < LIMIT);
    place.unharmed(&new).await;
}

#[tokio::test]
async fn what_is_not_there_is_gone_and_what_has_no_uid_is_not_asked_for() {
    let Some(place) = Place::new("missing").await else {
        return;
    };
    let real = place.pod("web-1", Value::Null, Value::Null).await;
    let missing = PodRef {
        name: "web-2".into(),
        ..real.clone()
    };
    assert_eq!(evict(&place.client, &missing, None).await.said, Said::Gone);
    let nowhere = PodRef {
        namespace: format!("{}-not", place.namespace),
        ..real.clone()
    };
    assert_eq!(evict(&place.client, &nowhere, None).await.said, Said::Gone);
    let nameless = PodRef {
        uid: String::new(),
        ..real.clone()
    };
    let answer = evict(&place.client, &nameless, None).await;
    assert_eq!(answer.said, Said::Refused);
    assert_eq!(answer.message, "the pod has no UID");
    place.unharmed(&real).await;
}

#[tokio::test]
async fn pods_of_a_terminating_namespace_go_with_it() {
    let Some(place) = Place::new("terminating").await else {
        return;
    };
    let kept = json!({"finalizers": ["example.org/keep"]});
    let pod = place.pod("web-1", kept, Value::Null).await;
    let all: Api<Namespace> = Api::all(place.client.clone());
    let params = DeleteParams::default();
    all.delete(&place.namespace, &params).await.unwrap();
    let answer = evict(&place.client, &pod, None).await;
    assert_eq!(answer.said, Said::NamespaceTerminating, "{answer:?}");
    println!("{}", answer.message);
    place
        .until("the pod to be deleted with its namespace", async || {
            let live = place.live("web-1").await.unwrap();
            live.metadata.deletion_timestamp.is_some()
        })
        .await;
    // Once it terminates by itself the answer is the same.
    let answer = evict(&place.client, &pod, None).await;
    assert_eq!(answer.said, Said::NamespaceTerminating, "{answer:?}");
    release(&place, "web-1").await;
}

#[tokio::test]
async fn a_finalizer_that_never_goes_keeps_the_pod_after_its_time() {
    let Some(place) = Place::new("finalizer").await else {
        return;
    };
    let kept = json!({"finalizers": ["example.org/keep"]});
    let pod = place.pod("web-1", kept, Value::Null).await;
    assert_eq!(
        evict(&place.client, &pod, Some(1)).await.said,
        Said::Accepted
    );
    // Its containers have ended.
    place.is_gone("web-1").await;
    let live = place.live("web-1").await.unwrap();
    let plain = unstall_controller::pod::from_kube(&live);
    assert_eq!(plain.uid, pod.uid);
    assert_eq!(plain.finalizers, ["example.org/keep"]);
    assert!(plain.deleting.is_some());
    assert_eq!(
        evict(&place.client, &pod, Some(1)).await.said,
        Said::Accepted
    );
    assert!(place.live("web-1").await.is_some());
    release(&place, "web-1").await;
}

/// Takes the finalizers of a pod away, and with them the pod.
async fn release(place: &Place, name: &str) {
    let patch = json!({"metadata": {"finalizers": null}});
    let patch = kube::api::Patch::Merge(&patch);
    let pods = place.api::<k8s_openapi::api::core::v1::Pod>();
    pods.patch(name, &Default::default(), &patch).await.unwrap();
}
