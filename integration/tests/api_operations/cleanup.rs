//! `cleanup`: everything of ours goes from the Nodes, and nothing of others.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Mutex;
use unstall_controller::lead::lease::Terms;
use unstall_controller::lead::{Keeper, Leadership, Options, elect, unique};

use crate::bed::{Bed, bed, said};

/// Each cleans the whole cluster.
pub static TURN: Mutex<()> = Mutex::const_new(());

const ARGS: [&str; 5] = [
    "cleanup",
    "--namespace=default",
    "--lease-duration=3s",
    "--lease-renew-deadline=2s",
    "--lease-retry=200ms",
];

/// A node in the middle of a drain, one of somebody else, a command, and a slot.
pub fn mess(bed: &Bed) {
    let condition = |type_: &str, reason: &str| {
        json!({"type": type_, "status": "True", "reason": reason, "message": "m",
               "lastTransitionTime": "2026-03-02T12:00:00Z", "lastHeartbeatTime": "2026-03-02T12:00:00Z"})
    };
    bed.apply(&json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": "ours",
            "labels": {"unstall.dev/gate": "storage", "theirs": "stays",
                       "node.kubernetes.io/exclude-from-external-load-balancers": "true"},
            "annotations": {
                "unstall.dev/cordoned-by": "ours-1",
                "unstall.dev/marks": "exclude-from-external-load-balancers,scale-down-disabled",
                "cluster-autoscaler.kubernetes.io/scale-down-disabled": "true",
                "theirs": "stays",
            },
        },
        "spec": {"unschedulable": true},
        "status": {"conditions": [
            condition("Ready", "KubeletReady"),
            condition("unstall.dev/KernelStall", "Stalled"),
            condition("DrainInProgress", "UnstallRemediation"),
            condition("MaintenancePlanned", "OfAnotherOne"),
        ]},
    }));
    bed.apply(&json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": "theirs"}, "spec": {"unschedulable": true},
    }));
    let epoch = epoch(bed).max(7);
    let payload = json!({
        "id": "x-1", "epoch": 1, "action": "Reboot", "nodeName": "ours", "nodeUID": "u", "expectBootID": "b",
        "issuedAt": "2026-03-02T12:00:00Z", "expiresAt": "2026-03-02T12:10:00Z",
    });
    bed.apply(&json!({
        "apiVersion": "unstall.dev/v1alpha1", "kind": "NodeHealth", "metadata": {"name": "ours"},
        "spec": {"nodeUID": "u", "command": {"payload": payload.to_string(), "signature": format!("{}==", "A".repeat(86))}},
    }));
    bed.apply(&json!({
        "apiVersion": "unstall.dev/v1alpha1", "kind": "DisruptionLedger", "metadata": {"name": "cluster"},
        "spec": {},
        "status": {
            "epoch": epoch, "slotsInUse": 1,
            "slots": [{"node": "ours", "nodeUID": "u", "remediation": "ours-1", "kind": "Disruptive", "epoch": epoch,
                       "since": "2026-03-02T12:00:00Z"}],
            "history": [{"node": "ours", "action": "Reboot", "remedy": "reboot", "at": "2026-03-02T12:00:00Z",
                         "until": "2026-03-03T12:00:00Z"}],
        },
    }));
}

/// The epoch of the ledger, which never goes back; 0 without one.
fn epoch(bed: &Bed) -> i64 {
    let args = ["get", "dl", "-o", "jsonpath={.items[*].status.epoch}"];
    bed.kubectl.run(&args).unwrap().parse().unwrap_or_default()
}

/// The types of a node's conditions, but for those that the node lifecycle controller adds to
/// a node without a kubelet after a while.
fn conditions(node: &Value) -> Vec<&str> {
    let conditions = node["status"]["conditions"].as_array().unwrap();
    conditions
        .iter()
        .filter(|it| it["reason"] != "NodeStatusNeverUpdated")
        .map(|it| it["type"].as_str().unwrap())
        .collect()
}

pub fn is_clean(bed: &Bed) -> bool {
    let ours = bed.object("node", "ours");
    ours["spec"].get("unschedulable").is_none()
        && ours["metadata"]["annotations"]
            .get("unstall.dev/cordoned-by")
            .is_none()
        && bed.object("nh", "ours")["spec"].get("command").is_none()
        && bed.object("dl", "cluster")["status"].get("slots").is_none()
}

/// A controller that leads, in the words of the lease.
async fn leader(bed: &Bed) -> (Leadership, Keeper) {
    let options = Options {
        namespace: "default".to_owned(),
        lease: "unstall-controller".to_owned(),
        identity: unique("a-controller"),
        terms: Terms {
            duration: Duration::from_secs(30),
            renew_deadline: Duration::from_secs(25),
            retry: Duration::from_millis(300),
        },
    };
    elect(bed.client().await, options, |_| ()).await
}

fn run(bed: &Bed, more: &[&str]) -> (Option<i32>, String, String) {
    let output = bed.run(&[&ARGS[..], more].concat(), "");
    (
        output.status.code(),
        said(&output.stdout),
        said(&output.stderr),
    )
}

/// The same while a controller goes on.
async fn beside(bed: &'static Bed, more: &'static [&'static str]) -> (Option<i32>, String, String) {
    tokio::task::spawn_blocking(|| run(bed, more))
        .await
        .unwrap()
}

#[test]
fn everything_of_ours_goes_and_nothing_else() {
    let Some(bed) = bed() else { return };
    let _turn = TURN.blocking_lock();
    mess(bed);
    let before = epoch(bed);
    let (code, out, err) = run(bed, &["--dry-run"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.contains("would be removed: 1 commands, marks and conditions of 1 nodes, 1 slots"),
        "{out}"
    );
    assert!(!is_clean(bed));
    let (code, out, err) = run(bed, &[]);
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.contains("removed: 1 commands, marks and conditions of 1 nodes, 1 slots"),
        "{out}"
    );
    assert!(is_clean(bed), "{out}");
    let ours = bed.object("node", "ours");
    assert_eq!(conditions(&ours), ["Ready", "MaintenancePlanned"]);
    assert_eq!(ours["metadata"]["annotations"]["theirs"], "stays");
    let labels = ours["metadata"]["labels"].as_object().unwrap();
    assert_eq!(labels.keys().collect::<Vec<_>>(), ["theirs"]);
    let autoscaler = "cluster-autoscaler.kubernetes.io/scale-down-disabled";
    assert!(ours["metadata"]["annotations"].get(autoscaler).is_none());
    assert_eq!(bed.object("node", "theirs")["spec"]["unschedulable"], true);
    let ledger = &bed.object("dl", "cluster")["status"];
    assert_eq!(ledger["epoch"], before, "no leadership, no epoch");
    assert_eq!(
        ledger["history"].as_array().unwrap().len(),
        1,
        "cool-downs stay"
    );
    let (code, out, err) = run(bed, &[]);
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.contains("removed: 0 commands, marks and conditions of 0 nodes, 0 slots"),
        "{out}"
    );
    let lease = bed.object("lease", "unstall-controller");
    assert_eq!(lease["spec"]["holderIdentity"], "", "given up");
}

#[tokio::test]
async fn it_refuses_while_a_controller_leads_and_is_forced() {
    let Some(bed) = bed() else { return };
    let _turn = TURN.lock().await;
    mess(bed);
    let (leadership, keeper) = leader(bed).await;
    let (code, out, err) = beside(bed, &["--wait=10s"]).await;
    assert_eq!(code, Some(1), "{out}");
    assert!(err.contains("a-controller_"), "{err}");
    assert!(
        err.contains("leads, still after 10s: scale the controller's Deployment to 0 first"),
        "{err}"
    );
    assert!(!is_clean(bed));
    assert!(leadership.may_act(), "it was not disturbed");
    let (code, out, err) = beside(bed, &["--force"]).await;
    assert_eq!(code, Some(0), "{err}");
    assert!(is_clean(bed), "{out}");
    assert!(leadership.may_act());
    keeper.release().await.unwrap();
}

#[tokio::test]
async fn it_scales_the_controller_down_and_follows_it() {
    let Some(bed) = bed() else { return };
    let _turn = TURN.lock().await;
    mess(bed);
    bed.apply(&json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "the-controller", "namespace": "default"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "none"}]}},
        },
    }));
    let (_, keeper) = leader(bed).await;
    // As the pods of a Deployment that is scaled down: told to end, it gives the lease up.
    let ends = tokio::spawn(async move {
        loop {
            let deployment = bed.object("deployment", "the-controller");
            if deployment["spec"]["replicas"] == 0 {
                return keeper.release().await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let (code, out, err) = beside(bed, &["--scale-down=the-controller", "--wait=30s"]).await;
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.contains("Deployment default/the-controller: scaled to 0"),
        "{out}"
    );
    assert!(is_clean(bed), "{out}");
    ends.await.unwrap().unwrap();
}
