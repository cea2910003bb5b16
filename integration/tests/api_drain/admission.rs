//! Webhooks that stand between an eviction and the pod.

use std::time::{Duration, Instant};

use serde_json::Value;
use unstall_controller::evict::evict;
use unstall_decide::Said;
use unstall_integration::testing::real;

use crate::place::Place;
use crate::webhook::{Manner, Webhook};

#[tokio::test]
async fn a_webhook_that_denies_refuses_in_its_own_words() {
    let Some(place) = Place::new("denied").await else {
        return;
    };
    let pod = place.pod("web-1", Value::Null, Value::Null).await;
    let Some(webhook) = Webhook::start(&place, Manner::Denies(403)).await else {
        return;
    };
    real("an admission webhook that denies, and one that hangs");
    let answer = evict(&place.client, &pod, Some(7)).await;
    assert_eq!(answer.said, Said::Refused, "{answer:?}");
    let words = "admission webhook \"guard.example.org\" denied the request: not today";
    assert_eq!(answer.message, words);
    place.unharmed(&pod).await;
    // What the API server understood of the request, in its own words.
    let seen = webhook.seen();
    assert_eq!(seen.len(), 1, "{seen:#?}");
    let options = &seen[0]["object"]["deleteOptions"];
    assert_eq!(options["preconditions"]["uid"], pod.uid, "{seen:#?}");
    assert_eq!(options["gracePeriodSeconds"], 7, "{seen:#?}");
}

/// It is about the one pod, and no reason to leave the others alone.
#[tokio::test]
async fn a_webhook_that_says_later_does_not_throttle() {
    let Some(place) = Place::new("later").await else {
        return;
    };
    let pod = place.pod("web-1", Value::Null, Value::Null).await;
    let Some(_webhook) = Webhook::start(&place, Manner::Denies(429)).await else {
        return;
    };
    let answer = evict(&place.client, &pod, None).await;
    assert_eq!(answer.said, Said::Refused, "{answer:?}");
    place.unharmed(&pod).await;
}

#[tokio::test]
async fn a_webhook_that_hangs_is_told_by_name_when_the_api_server_gives_it_up() {
    let Some(place) = Place::new("hangs").await else {
        return;
    };
    let pod = place.pod("web-1", Value::Null, Value::Null).await;
    let Some(webhook) = Webhook::start(&place, Manner::Hangs).await else {
        return;
    };
    let started = Instant::now();
    let answer = evict(&place.client, &pod, None).await;
    println!("after {:?}: {}", started.elapsed(), answer.message);
    assert!(started.elapsed() > Duration::from_secs(29));
    assert_eq!(answer.said, Said::Refused, "{answer:?}");
    let begin = "Internal error occurred: failed calling webhook \"guard.example.org\"";
    assert!(answer.message.starts_with(begin), "{answer:?}");
    assert_eq!(webhook.seen().len(), 1, "asked once");
    place.unharmed(&pod).await;
}
