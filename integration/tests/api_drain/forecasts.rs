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
    make_pods(&place).await;
    make_budgets(&place).await;
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
    let expected = ["a-blocked", "d-two", "f-unready-short", "ready-1"];
    assert_eq!(forbidden, expected);
}

/// Each pod's name, the app that its budget selects it by, and how it is.
async fn make_pods(place: &Place) {
    for (name, app, phase, ready) in [
        ("a-blocked", "blocked", "Running", true),
        ("b-free", "free", "Running", true),
        ("c-allowed", "allowed", "Running", true),
        ("d-two", "two", "Running", true),
        ("e-unready", "unready", "Running", false),
        ("f-unready-short", "short", "Running", false),
        ("g-pending", "blocked", "Pending", false),
        ("h-ended", "blocked", "Failed", false),
        ("i-always", "always", "Running", false),
        ("ready-1", "unready", "Running", true),
    ] {
        let labels = json!({"labels": {"app": app}});
        place.pending(name, labels, Value::Null).await;
        place.is(name, phase, ready).await;
    }
}

async fn make_budgets(place: &Place) {
    for (name, app, min, policy) in [
        ("blocked", "blocked", 1, "IfHealthyBudget"),
        ("allowed", "allowed", 0, "IfHealthyBudget"),
        ("two-a", "two", 0, "IfHealthyBudget"),
        ("two-b", "two", 0, "IfHealthyBudget"),
        // One of two is ready, as many as are wanted: the other one may go.
        ("unready", "unready", 1, "IfHealthyBudget"),
        ("short", "short", 1, "IfHealthyBudget"),
        ("always", "always", 1, "AlwaysAllow"),
    ] {
        let spec = json!({
            "minAvailable": min, "selector": {"matchLabels": {"app": app}},
            "unhealthyPodEvictionPolicy": policy,
        });
        place.budget(name, spec).await;
    }
    place.until_allowed("allowed", 1).await;
    place
        .until("every budget to know which pods are ready", async || {
            let known = budgets(place).await;
            let allows = |name: &str| known.iter().any(|it| it.name == name && it.allows_unready);
            allows("unready") && allows("always") && !allows("short")
        })
        .await;
}
