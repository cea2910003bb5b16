//! Events, as `kubectl describe` and `kubectl get` show them.

use serde_json::{Value, json};
use unstall_controller::Herald;
use unstall_decide::{About, Event};

use crate::bed::{Bed, bed};

fn node(bed: &Bed, name: &str) -> String {
    bed.apply(&json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}));
    uid(bed, "node", name)
}

fn uid(bed: &Bed, kind: &str, name: &str) -> String {
    bed.object(kind, name)["metadata"]["uid"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn event(about: About, reason: &str, note: &str) -> Event {
    Event {
        about,
        is_warning: reason == "PodDisruptionBudget",
        reason: reason.to_owned(),
        action: "Draining".to_owned(),
        note: note.to_owned(),
    }
}

fn events(bed: &Bed, about: &str) -> Vec<Value> {
    let args = [
        "get",
        "events.v1.events.k8s.io",
        "-n",
        "default",
        "-o",
        "json",
    ];
    let all: Value = serde_json::from_str(&bed.kubectl.run(&args).unwrap()).unwrap();
    let mut items = all["items"].as_array().unwrap().clone();
    // Others tell of new nodes too.
    items.retain(|it| {
        it["regarding"]["name"] == about && it["reportingController"] == "unstall-controller"
    });
    items
}

#[tokio::test]
async fn kubectl_describe_shows_what_was_told_of_a_node() {
    let Some(bed) = bed() else { return };
    let name = "described";
    let about = About::Node {
        name: name.to_owned(),
        uid: node(bed, name),
        incident: Some("described-1".to_owned()),
    };
    let herald = Herald::new(bed.client().await, "unstall-controller-x_1");
    let long = "x".repeat(2_000);
    let told = herald
        .tell(&[
            event(about.clone(), "Draining", "described-1: evicting pods"),
            event(
                about.clone(),
                "PodDisruptionBudget",
                "described-1: default/web allows 0",
            ),
            event(about.clone(), "Long", &long),
        ])
        .await;
    assert_eq!((told.written, told.failed, told.left_out), (3, 0, 0));
    let described = bed.kubectl.run(&["describe", "node", name]).unwrap();
    let (_, shown) = described.split_once("\nEvents:").unwrap();
    for line in [
        [
            "Normal",
            "Draining",
            "unstall-controller",
            "described-1: evicting pods",
        ],
        [
            "Warning",
            "PodDisruptionBudget",
            "unstall-controller",
            "described-1: default/web allows 0",
        ],
    ] {
        let is_shown = |row: &str| line.iter().all(|word| row.contains(word));
        assert!(shown.lines().any(is_shown), "{line:?} is not in{shown}");
    }
    let written = events(bed, name);
    let draining = written
        .iter()
        .find(|it| it["reason"] == "Draining")
        .unwrap();
    assert_eq!(draining["related"]["kind"], "NodeRemediation");
    assert_eq!(draining["related"]["name"], "described-1");
    assert_eq!(draining["reportingInstance"], "unstall-controller-x_1");
}

#[tokio::test]
async fn the_same_again_is_counted_on_the_first_one() {
    let Some(bed) = bed() else { return };
    let name = "repeated";
    let about = About::Node {
        name: name.to_owned(),
        uid: node(bed, name),
        incident: None,
    };
    let herald = Herald::new(bed.client().await, "it");
    for _ in 0..3 {
        let told = herald
            .tell(&[event(about.clone(), "Soaking", "watched")])
            .await;
        assert_eq!(told.written, 1);
    }
    let written = events(bed, name);
    assert_eq!(written.len(), 1, "{written:#?}");
    assert_eq!(written[0]["series"]["count"], 3);
}

#[tokio::test]
async fn a_policy_has_events_too() {
    let Some(bed) = bed() else { return };
    let name = "told-of";
    bed.apply(&json!({
        "apiVersion": "unstall.dev/v1alpha1", "kind": "NodeHealthPolicy", "metadata": {"name": name},
        "spec": {
            "nodeSelector": {"matchLabels": {"no": "node"}},
            "triggers": [{"name": "t", "condition": {"type": "X", "status": "True", "for": "1m"}, "remedies": []}],
        },
    }));
    let about = About::Policy {
        name: name.to_owned(),
        uid: uid(bed, "nhp", name),
    };
    let herald = Herald::new(bed.client().await, "it");
    let told = herald
        .tell(&[event(about, "BreakerOpen", "3 are unhealthy")])
        .await;
    assert_eq!(told.written, 1);
    let described = bed.kubectl.run(&["describe", "nhp", name]).unwrap();
    assert!(described.contains("3 are unhealthy"), "{described}");
}

#[tokio::test]
async fn what_is_refused_is_left_and_what_is_too_much_left_out() {
    let Some(bed) = bed() else { return };
    let herald = Herald::new(bed.client().await, "it");
    let about = |name: &str| About::Node {
        name: name.to_owned(),
        uid: String::new(),
        incident: None,
    };
    let bad = event(about("Not A Name"), "X", "refused");
    let told = herald
        .tell(&[bad, event(about("good"), "X", "written")])
        .await;
    assert_eq!((told.written, told.failed, told.left_out), (1, 1, 0));
    let many: Vec<Event> = (0..140)
        .map(|i| event(about("many"), &format!("R{i}"), "x"))
        .collect();
    let told = herald.tell(&many).await;
    assert_eq!((told.written, told.failed, told.left_out), (128, 0, 12));
}
