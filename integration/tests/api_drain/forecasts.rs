//! What a forecast says of each pod, and what the API server then answers to its eviction.

use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{Api, ListParams};
use serde_json::{Value, json};
use unstall_controller::{budget, evict, pod};
use unstall_crds::condition::BlockedReason;
use unstall_crds::policy::Drain;
use unstall_decide::drain::forecast;
use unstall_decide::{DisruptionBudget, Pod, Said};

use crate::place::Place;

async fn budgets(place: &Place) -> Vec<DisruptionBudget> {
    let api: Api<PodDisruptionBudget> = place.api();
    let list = api.list(&ListParams::default()).await.unwrap();
    list.items.iter().map(budget::from_kube).collect()
}

/// The reason that an answer stands for.
fn expected(said: Said) -> Option<BlockedReason> {
    match said {
        Said::Budget | Said::StaleBudget => Some(BlockedReason::PodDisruptionBudget),
        Said::ManyBudgets => Some(BlockedReason::MultiplePodDisruptionBudgets),
        _ => None,
    }
}

#[tokio::test]
async fn a_forecast_says_what_the_api_server_then_does() {
    let Some(place) = Place::new("forecast").await else {
        return;
    };
    let of = |app: &str| json!({"labels": {"app": app}});
    for (name, app) in [
        ("a-blocked", "blocked"),
        ("b-free", "free"),
        ("c-allowed", "allowed"),
        ("d-two", "two"),
        ("e-unready", "unready"),
        ("f-unready-short", "short"),
        ("g-pending", "blocked"),
        ("h-ended", "blocked"),
        ("i-always", "always"),
    ] {
        place.pod(name, of(app), Value::Null).await;
    }
    place.pod("ready-1", of("unready"), Value::Null).await;
    for (name, phase) in [
        ("e-unready", "Running"),
        ("f-unready-short", "Running"),
        ("g-pending", "Pending"),
        ("h-ended", "Failed"),
        ("i-always", "Running"),
    ] {
        place.is(name, phase, false).await;
    }
    let select = |app: &str, min: i32, policy: Option<&str>| {
        let mut spec = json!({"minAvailable": min, "selector": {"matchLabels": {"app": app}}});
        if let Some(policy) = policy {
            spec["unhealthyPodEvictionPolicy"] = policy.into();
        }
        spec
    };
    for (name, spec) in [
        ("blocked", select("blocked", 1, None)),
        ("allowed", select("allowed", 0, None)),
        ("two-a", select("two", 0, None)),
        ("two-b", select("two", 0, None)),
        // One of two is ready, as many as are wanted: the other one may go.
        ("unready", select("unready", 1, None)),
        ("short", select("short", 1, None)),
        ("always", select("always", 1, Some("AlwaysAllow"))),
    ] {
        place.budget(name, spec).await;
    }
    place.until_allowed("allowed", 1).await;
    place
        .until("every budget to know which pods are ready", async || {
            let known = budgets(&place).await;
            let unready = |name: &str| known.iter().any(|it| it.name == name && it.allows_unready);
            unready("unready") && unready("always") && !unready("short")
        })
        .await;
    // Without a controller they would all be told for that.
    let drain = Drain {
        force: true,
        ..Drain::default()
    };
    let known = budgets(&place).await;
    let pods: Vec<Pod> = place.pods().await.iter().map(pod::from_kube).collect();
    let mut forbidden = Vec::new();
    for pod in pods {
        let told = forecast(&drain, std::slice::from_ref(&pod), Some(&known));
        let told = told.first().map(|blocked| blocked.reason);
        let answer = evict::evict(&place.client, &pod.to_ref(), None).await;
        assert_eq!(told, expected(answer.said), "{}: {answer:?}", pod.name);
        if told.is_some() {
            forbidden.push(pod.name.clone());
        } else {
            assert_eq!(answer.said, Said::Accepted, "{}: {answer:?}", pod.name);
        }
    }
    assert_eq!(
        forbidden,
        ["a-blocked", "d-two", "f-unready-short", "ready-1"]
    );
}
