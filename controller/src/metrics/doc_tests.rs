//! `docs/metrics.md` lists what is told, no more and no less; and what is told of a
//! known cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tower::{Layer, Service};
use unstall_crds::condition::BlockedReason;
use unstall_crds::remediation::{NodeRemediation, NodeRemediationStatus, Outcome};
use unstall_decide::{Action, Snapshot, View, plan};

use super::calls::Calls;
use super::figures::figures;
use super::record::{Metrics, Turn};
use crate::act::Told;

const DOCUMENT: &str = include_str!("../../../docs/metrics.md");

/// Type, unit and labels of a family.
#[derive(Debug, Default, PartialEq, Eq)]
struct Family {
    kind: String,
    unit: String,
    labels: BTreeSet<String>,
}

fn documented() -> BTreeMap<String, Family> {
    let (_, section) = DOCUMENT.split_once("\n## The controller\n").unwrap();
    let section = section
        .split_once("\n## ")
        .map_or(section, |(this, _)| this);
    let rows = section.lines().filter_map(|row| {
        let mut cells = row.split('|').skip(1).map(str::trim);
        let name = cells.next()?.strip_prefix("`unstall_")?.strip_suffix('`')?;
        let [kind, unit, labels, meaning] = [(); 4].map(|()| cells.next().unwrap());
        assert!(!meaning.is_empty(), "{name} has no meaning");
        let labels = labels.split(", ").map(|label| label.trim_matches('`'));
        let family = Family {
            kind: kind.to_owned(),
            unit: unit.to_owned(),
            labels: labels
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .collect(),
        };
        Some((format!("unstall_{name}"), family))
    });
    rows.collect()
}

fn told(page: &str) -> BTreeMap<String, Family> {
    let mut families = BTreeMap::new();
    let mut name = String::new();
    for line in page.lines() {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        let family: &mut Family = match words[..] {
            ["#", "HELP", told, _] => {
                name = told.to_owned();
                continue;
            }
            ["#", "EOF"] => continue,
            _ => families.entry(name.clone()).or_default(),
        };
        match words[..] {
            ["#", "TYPE", _, kind] => family.kind = kind.to_owned(),
            ["#", "UNIT", _, unit] => family.unit = unit.to_owned(),
            _ => family.labels.extend(labels(line)),
        }
    }
    families
}

/// The names of a sample's labels but for a bucket's end.
fn labels(sample: &str) -> impl Iterator<Item = String> {
    let inside = sample.split_once('{').map_or("", |(_, rest)| rest);
    let pairs = inside.split("\",").filter_map(|pair| pair.split_once('='));
    let names = pairs.map(|(name, _)| name).filter(|name| *name != "le");
    names.map(str::to_owned)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn node(name: &str, cordoned: bool) -> Value {
    json!({
        "name": name, "uid": format!("uid-{name}"), "labels": {"kubernetes.io/os": "linux"},
        "unschedulable": cordoned,
        "annotations": if cordoned { json!({"unstall.dev/cordoned-by": "n2-1"}) } else { json!({}) },
        "conditions": [{"type": "Ready", "status": "True"}], "bootID": "b", "kernel": "6.1.0-30",
    })
}

/// Three nodes: one old kernel, one that is held, one whose probe is heard.
fn snapshot() -> Snapshot {
    let health = json!({
        "metadata": {"name": "n3"}, "spec": {"nodeUID": "uid-n3"},
        "status": {"verdict": "Degraded", "heartbeat": "2026-03-02T12:00:00Z"},
    });
    let policy = json!({
        "metadata": {"name": "kernels", "uid": "p", "generation": 1},
        "spec": {
            "mode": "Enforce", "nodeSelector": {"matchLabels": {"kubernetes.io/os": "linux"}},
            "triggers": [{"name": "new", "kernel": {"atLeast": "6.1.0-40"}, "remedies": ["reboot"]}],
            "remedies": [{"name": "reboot", "reboot": {}}],
        },
    });
    let ledger = json!({
        "metadata": {"name": "cluster"},
        "spec": {"pause": {"until": "2026-03-02T13:00:00Z", "reason": "a test"}},
        "status": {"epoch": 7},
    });
    serde_json::from_value(json!({
        "now": "2026-03-02T12:01:00Z", "epoch": 7,
        "policies": [policy], "healths": {"n3": health}, "heard": {"n3": "2026-03-02T12:00:00Z"},
        "nodes": {"n1": node("n1", false), "n2": node("n2", true), "n3": node("n3", false)},
        "ledger": ledger,
    }))
    .unwrap()
}

fn opened() -> NodeRemediation {
    serde_json::from_value(json!({
        "metadata": {"name": "n1-1"},
        "spec": {"origin": "Policy", "nodeName": "n1", "policyName": "kernels", "trigger": "new"},
    }))
    .unwrap()
}

fn ends() -> Action {
    Action::SetStatus {
        remediation: "n1-1".to_owned(),
        status: Box::new(NodeRemediationStatus {
            outcome: Some(Outcome::Fixed),
            ..NodeRemediationStatus::default()
        }),
        seen: None,
    }
}

/// A page on which everything is known.
async fn page() -> String {
    let calls = Calls::default();
    let client = tower::service_fn(|_: http::Request<()>| async {
        Ok::<_, std::convert::Infallible>(http::Response::new(()))
    });
    let request = http::Request::get("/api/v1/nodes").body(()).unwrap();
    calls.layer(client).call(request).await.unwrap();
    let metrics = Metrics::new(&calls);
    let mut snapshot = snapshot();
    let decided = {
        let view = View::new(&snapshot);
        let decided = plan(&view);
        metrics.show(figures(&view, &decided));
        decided
    };
    assert_eq!(decided.policies.len(), 1);
    metrics.leads(7);
    metrics.turned(&Turn {
        took: Duration::from_millis(30),
        decided_in: Duration::from_millis(2),
        is_done: false,
    });
    metrics.told(&Told {
        written: 2,
        failed: 0,
        left_out: 1,
    });
    metrics.watch_restarted("Node");
    let opens = Action::OpenIncident(Box::new(opened()));
    metrics.acted(&View::new(&snapshot), &opens, true);
    metrics.acted(&View::new(&snapshot), &opens, false);
    metrics.acted(&View::new(&snapshot), &ends(), true);
    // What has ended already does not end again.
    let mut over = opened();
    over.status = Some(NodeRemediationStatus {
        outcome: Some(Outcome::Fixed),
        ..NodeRemediationStatus::default()
    });
    snapshot.remediations = vec![Arc::new(over)];
    metrics.acted(&View::new(&snapshot), &ends(), true);
    metrics.render()
}

#[tokio::test]
async fn every_metric_is_documented_with_its_type_unit_and_labels() {
    let page = page().await;
    assert_eq!(told(&page), documented(), "{page}");
}

#[tokio::test]
async fn what_is_known_is_told() {
    let page = page().await;
    for line in [
        "unstall_controller_leader 1",
        "unstall_controller_epoch{} 7",
        "unstall_controller_passes_total{result=\"cut_short\"} 1",
        "unstall_controller_api_calls_total{verb=\"list\",resource=\"nodes\",code=\"200\"} 1",
        "unstall_controller_actions_total{action=\"OpenIncident\",result=\"failed\"} 1",
        "unstall_controller_events_total{result=\"left_out\"} 1",
        "unstall_controller_watch_restarts_total{kind=\"Node\"} 1",
        "unstall_incidents_opened_total{policy=\"kernels\",trigger=\"new\"} 1",
        "unstall_incidents_ended_total{outcome=\"Fixed\",remedy=\"None\"} 1",
        "unstall_incidents_ended_total{outcome=\"Failed\",remedy=\"Reboot\"} 0",
        "unstall_incidents{phase=\"Draining\"} 0",
        "unstall_policy_ready{policy=\"kernels\"} 1",
        "unstall_nodes{policy=\"kernels\",state=\"covered\"} 3",
        "unstall_nodes_blocked{policy=\"kernels\",reason=\"Paused\"} 3",
        "unstall_nodes_verdict{verdict=\"Degraded\"} 1",
        "unstall_nodes_verdict{verdict=\"Healthy\"} 0",
        "unstall_nodes_held{} 1",
        "unstall_breaker_open{policy=\"kernels\"} 0",
        "unstall_budget_max_nodes{policy=\"kernels\",budget=\"maxUnavailable\"} 1",
        "unstall_budget_used_nodes{policy=\"kernels\",budget=\"maxUnavailable\"} 1",
        "unstall_slots{kind=\"Disruptive\"} 0",
        "unstall_rollout_nodes{policy=\"kernels\",trigger=\"new\",state=\"total\"} 3",
        "unstall_rollout_stage{policy=\"kernels\",trigger=\"new\",stage=\"Canary\"} 1",
        "unstall_paused{} 1",
        "unstall_storm_allowed{} 0",
    ] {
        assert!(
            page.contains(&format!("\n{line}\n")),
            "{line} is not in\n{page}"
        );
    }
    assert!(
        page.contains("unstall_controller_build_info{version="),
        "{page}"
    );
}

#[test]
fn what_is_not_known_is_absent_and_never_zero() {
    let metrics = Metrics::new(&Calls::default());
    let standby = metrics.render();
    assert!(
        standby.contains("unstall_controller_leader 0\n"),
        "{standby}"
    );
    for absent in [
        "epoch{",
        "unstall_nodes",
        "unstall_paused{",
        "unstall_slots{",
    ] {
        assert!(
            !standby.contains(&format!("\n{absent}")),
            "{absent}\n{standby}"
        );
    }
    let mut snapshot = snapshot();
    snapshot.ledger = None;
    let view = View::new(&snapshot);
    metrics.show(figures(&view, &plan(&view)));
    let page = metrics.render();
    for absent in [
        "unstall_paused{",
        "unstall_slots{",
        "unstall_storm_allowed{",
    ] {
        assert!(!page.contains(&format!("\n{absent}")), "{absent}\n{page}");
    }
}

#[test]
fn a_reason_that_is_over_stays_at_zero_until_its_policy_is_gone() {
    let metrics = Metrics::new(&Calls::default());
    let mut snapshot = snapshot();
    let show = |snapshot: &Snapshot| {
        let view = View::new(snapshot);
        metrics.show(figures(&view, &plan(&view)));
        metrics.render()
    };
    let series = format!(
        "\nunstall_nodes_blocked{{policy=\"kernels\",reason=\"{}\"}}",
        BlockedReason::Paused
    );
    assert!(show(&snapshot).contains(&format!("{series} 3\n")));
    snapshot.now = at("2026-03-02T14:00:00Z");
    let page = show(&snapshot);
    assert!(page.contains(&format!("{series} 0\n")), "{page}");
    snapshot.policies.clear();
    let page = show(&snapshot);
    assert!(!page.contains("policy=\"kernels\""), "{page}");
}
