//! The controller's replicas as the chart installs them, and the chart's removal.

use serde_json::Value;
use unstall_integration::product::{NAMESPACE, RELEASE, list, text};

use crate::stage::{Stage, settings};

const CONDITION: &str = "unstall.dev/KernelStall";

fn json(stage: &Stage, args: &[&str]) -> Value {
    serde_json::from_str(&stage.kubectl(&[args, &["-o", "json"]].concat())).unwrap()
}

/// The pods of the controller.
fn replicas(stage: &Stage) -> Vec<String> {
    let selector = "app.kubernetes.io/component=controller";
    let pods = json(stage, &["get", "pods", "-n", NAMESPACE, "-l", selector]);
    let names = list(&pods, "/items").iter();
    names
        .filter_map(|pod| Some(text(pod, "/metadata/name")?.to_owned()))
        .collect()
}

/// What a pod answers.
fn ask(stage: &Stage, pod: &str, page: &str) -> String {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{pod}:9470/proxy/{page}");
    stage.kubectl(&["get", "--raw", &path])
}

fn conditions(stage: &Stage) -> Vec<String> {
    let nodes = json(stage, &["get", "nodes"]);
    let conditions = list(&nodes, "/items/0/status/conditions").iter();
    conditions
        .filter_map(|it| Some(text(it, "/type")?.to_owned()))
        .collect()
}

#[test]
fn of_two_replicas_one_leads_and_their_removal_leaves_nothing_on_the_node() {
    let Some(stage) = Stage::set(&settings(true)) else {
        return;
    };
    stage.observe();
    stage.until("the controller's condition on the node", |_| {
        conditions(&stage).iter().any(|it| it == CONDITION)
    });
    let pods = replicas(&stage);
    assert_eq!(pods.len(), 2, "{pods:?}");
    let lease = json(
        &stage,
        &["get", "lease", "unstall-controller", "-n", NAMESPACE],
    );
    let holder = text(&lease, "/spec/holderIdentity").unwrap().to_owned();
    for pod in &pods {
        let leads = holder.starts_with(&format!("{pod}_"));
        let page = ask(&stage, pod, "metrics");
        let line = format!("\nunstall_controller_leader {}\n", i32::from(leads));
        assert!(page.contains(&line), "{holder}\n{page}");
        // A standby tells nothing of the fleet.
        assert_eq!(page.contains("\nunstall_nodes{"), leads, "{page}");
        assert!(
            !page.contains("code=\"403\""),
            "a right is missing:\n{page}"
        );
        assert_eq!(ask(&stage, pod, "readyz"), "ok\n");
        assert_eq!(ask(&stage, pod, "livez"), "ok\n");
    }
    let mut helm = stage.cluster().helm();
    helm.args([
        "uninstall",
        RELEASE,
        "--namespace",
        NAMESPACE,
        "--wait",
        "--timeout=150s",
    ]);
    let output = helm.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{said}\n{}",
        stage.kubectl(&["get", "pods", "-A"])
    );
    let left = conditions(&stage);
    assert!(!left.iter().any(|it| it == CONDITION), "{left:?}");
    assert!(left.iter().any(|it| it == "Ready"), "{left:?}");
    let lease = json(
        &stage,
        &["get", "lease", "unstall-controller", "-n", NAMESPACE],
    );
    assert_eq!(text(&lease, "/spec/holderIdentity"), Some(""));
    let jobs = json(&stage, &["get", "jobs,deployments", "-n", NAMESPACE]);
    assert_eq!(list(&jobs, "/items").len(), 0, "{jobs:#}");
}
