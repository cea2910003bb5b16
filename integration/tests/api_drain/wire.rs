//! What goes over the wire, and what is made of connections that fail.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use kube::{Client, Config};
use serde_json::{Value, json};
use unstall_controller::client;
use unstall_controller::evict::{LIMIT, delete, evict};
use unstall_decide::Said;

use crate::place::Place;
use crate::proxy::proxy;
use unstall_integration::forward::{Fault, Forward, Kind};

/// The product's client behind a forwarder.
fn behind(place: &Place) -> (Forward, Client) {
    static PLAIN: OnceLock<String> = OnceLock::new();
    let forward = Forward::to(PLAIN.get_or_init(|| proxy(place.kubectl))).unwrap();
    let address = format!("http://127.0.0.1:{}", forward.port);
    let client = client::with(Config::new(address.parse().unwrap())).unwrap();
    (forward, client)
}

#[tokio::test]
async fn uid_and_grace_period_are_where_the_api_server_reads_them() {
    let Some(place) = Place::new("bytes").await else {
        return;
    };
    let (forward, client) = behind(&place);
    let evicted = place.pod("web-1", Value::Null, Value::Null).await;
    let deleted = place.pod("web-2", Value::Null, Value::Null).await;
    assert_eq!(evict(&client, &evicted, Some(7)).await.said, Said::Accepted);
    assert_eq!(delete(&client, &deleted, None).await.said, Said::Accepted);
    let seen = forward.seen();
    assert_eq!(seen.len(), 2);
    let eviction = json!({
        "apiVersion": "policy/v1", "kind": "Eviction",
        "metadata": {"namespace": place.namespace, "name": "web-1"},
        "deleteOptions": {"gracePeriodSeconds": 7, "preconditions": {"uid": evicted.uid}},
    });
    assert_eq!(seen[0].body, eviction);
    let path = format!("/api/v1/namespaces/{}/pods", place.namespace);
    let target = format!("{path}/web-1/eviction?&fieldManager=unstall-controller");
    assert_eq!(seen[0].target, target);
    let options = json!({"preconditions": {"uid": deleted.uid}});
    assert_eq!(seen[1].body, options);
    assert_eq!(seen[1].target, format!("{path}/web-2?"));
    place.terminates(&evicted, 7).await;
    place.terminates(&deleted, 30).await;
}

#[tokio::test]
async fn nothing_is_tried_twice_and_no_answer_is_no_answer() {
    let Some(place) = Place::new("faults").await else {
        return;
    };
    let (forward, client) = behind(&place);
    let pod = place.pod("web-1", Value::Null, Value::Null).await;
    for (fault, said) in [
        (Fault::Answer(429), Said::Throttled),
        (Fault::Answer(500), Said::Refused),
        (Fault::Answer(503), Said::Unknown),
        (Fault::Answer(504), Said::Unknown),
        (Fault::Answer(409), Said::Unknown),
        (Fault::Answer(404), Said::Unknown),
        (Fault::Reset, Said::Unknown),
    ] {
        forward.heal();
        forward.fail(Kind::Write, fault);
        let before = forward.seen().len();
        let answer = evict(&client, &pod, None).await;
        assert_eq!(answer.said, said, "{fault:?}: {answer:?}");
        assert!(!answer.message.is_empty(), "{fault:?}");
        assert_eq!(forward.seen().len(), before + 1, "{fault:?}");
        place.unharmed(&pod).await;
    }
    // The call was made, and nobody here knows: the next look at the pod does.
    forward.heal();
    forward.fail(Kind::Write, Fault::LostAnswer);
    let answer = evict(&client, &pod, None).await;
    assert_eq!(answer.said, Said::Unknown, "{answer:?}");
    place.terminates(&pod, 30).await;
}

#[tokio::test]
async fn a_call_that_hangs_ends_in_time() {
    let Some(place) = Place::new("silence").await else {
        return;
    };
    let (forward, client) = behind(&place);
    let pod = place.pod("web-1", Value::Null, Value::Null).await;
    forward.fail(Kind::Write, Fault::Silence);
    let started = Instant::now();
    let answer = evict(&client, &pod, None).await;
    assert_eq!(answer.said, Said::Unknown);
    assert_eq!(answer.message, "no answer in 35 s");
    assert!(started.elapsed() < LIMIT + Duration::from_secs(10));
    assert_eq!(forward.seen().len(), 1);
    place.unharmed(&pod).await;
}
