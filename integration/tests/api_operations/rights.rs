//! What the chart gives to the controller and to its hook is what they need, and no
//! more: tried with their own tokens.

use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use unstall_controller::Herald;
use unstall_controller::lead::lease::Terms;
use unstall_controller::lead::{Options, campaign, unique};
use unstall_decide::{About, Event};
use unstall_integration::cluster::ensure;

use crate::bed::{Bed, bed};
use crate::cleanup::{TURN, is_clean, mess};

const NAMESPACE: &str = "rights";

/// What it needs in every namespace.
const EVERYWHERE: [(&str, &str); 20] = [
    ("get", "nodes"),
    ("watch", "nodes"),
    ("patch", "nodes"),
    ("patch", "nodes --subresource=status"),
    ("list", "pods"),
    ("delete", "pods"),
    ("create", "pods --subresource=eviction"),
    ("watch", "poddisruptionbudgets.policy"),
    ("list", "volumeattachments.storage.k8s.io"),
    ("list", "nodehealthpolicies.unstall.dev"),
    (
        "update",
        "nodehealthpolicies.unstall.dev --subresource=status",
    ),
    ("create", "nodehealths.unstall.dev"),
    ("patch", "nodehealths.unstall.dev"),
    ("delete", "nodehealths.unstall.dev"),
    ("create", "noderemediations.unstall.dev"),
    ("patch", "noderemediations.unstall.dev"),
    ("delete", "noderemediations.unstall.dev"),
    (
        "update",
        "noderemediations.unstall.dev --subresource=status",
    ),
    ("patch", "disruptionledgers.unstall.dev"),
    (
        "update",
        "disruptionledgers.unstall.dev --subresource=status",
    ),
];

/// What it must not have anywhere.
const NEVER: [(&str, &str); 12] = [
    ("get", "secrets"),
    ("list", "configmaps"),
    ("create", "pods"),
    ("patch", "pods"),
    ("create", "pods --subresource=exec"),
    ("delete", "nodes"),
    ("update", "nodehealths.unstall.dev --subresource=status"),
    ("patch", "nodehealthpolicies.unstall.dev"),
    ("delete", "disruptionledgers.unstall.dev"),
    ("patch", "deployments.apps"),
    ("update", "leases.coordination.k8s.io/another"),
    ("impersonate", "users"),
];

/// Installs what the chart says of rights, once.
fn install(bed: &Bed) {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        bed.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}));
        let helm = ensure(false).unwrap().program("helm");
        let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/unstall");
        let values = "image.registry=r.example,controller.handOver[0].apiGroup=x.example,\
                      controller.handOver[0].templates={fencetemplates},controller.handOver[0].objects={fences}";
        let output = Command::new(helm)
            .args(["template", "unstall", chart, "--namespace", NAMESPACE, "--set", values])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
        let kinds = ["ServiceAccount", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"];
        for document in documents.iter().filter(|it| kinds.iter().any(|kind| it["kind"] == *kind)) {
            bed.apply(document);
        }
    });
}

/// A kubeconfig of one of the chart's service accounts.
fn as_account(bed: &Bed, account: &str) -> TempDir {
    let token = bed
        .kubectl
        .run(&["create", "token", account, "-n", NAMESPACE])
        .unwrap();
    let view = ["config", "view", "--raw", "--minify", "-o", "json"];
    let mut config: Value = serde_json::from_str(&bed.kubectl.run(&view).unwrap()).unwrap();
    config["users"][0]["user"] = json!({"token": token.trim()});
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config"), config.to_string()).unwrap();
    dir
}

fn can(bed: &Bed, account: &str, verb: &str, what: &str, namespace: &str) -> bool {
    let user = format!("--as=system:serviceaccount:{NAMESPACE}:{account}");
    let resource: Vec<&str> = what.split(' ').collect();
    let args = [
        &["auth", "can-i", verb][..],
        &resource,
        &[&user, "-n", namespace],
    ]
    .concat();
    bed.kubectl.try_run(&args).unwrap().status.success()
}

#[test]
fn the_controller_may_what_it_does_and_no_more() {
    let Some(bed) = bed() else { return };
    install(bed);
    let account = "unstall-controller";
    for (verb, what) in EVERYWHERE {
        assert!(
            can(bed, account, verb, what, "kube-system"),
            "{verb} {what}"
        );
    }
    let here_alone = [
        ("create", "leases.coordination.k8s.io", NAMESPACE),
        (
            "update",
            "leases.coordination.k8s.io/unstall-controller",
            NAMESPACE,
        ),
        ("create", "events.events.k8s.io", "default"),
    ];
    for (verb, what, namespace) in here_alone {
        assert!(can(bed, account, verb, what, namespace), "{verb} {what}");
        assert!(
            !can(bed, account, verb, what, "kube-system"),
            "{verb} {what}"
        );
    }
    for (verb, what) in NEVER {
        assert!(!can(bed, account, verb, what, NAMESPACE), "{verb} {what}");
    }
}

#[tokio::test]
async fn the_controller_leads_and_tells_with_its_own_token() {
    let Some(bed) = bed() else { return };
    // A new epoch, in the ledger that others write.
    let _turn = TURN.lock().await;
    install(bed);
    let dir = as_account(bed, "unstall-controller");
    let client = Bed::client_of(&dir.path().join("config")).await;
    let options = Options {
        namespace: NAMESPACE.to_owned(),
        lease: "unstall-controller".to_owned(),
        identity: unique("it"),
        terms: Terms {
            duration: Duration::from_secs(6),
            renew_deadline: Duration::from_secs(4),
            retry: Duration::from_millis(300),
        },
    };
    let mut refused = None;
    let elected = campaign(client.clone(), options, |standing| {
        if let unstall_controller::lead::Standing::Unknown { why } = standing {
            refused = Some(why.to_owned());
        }
    });
    let elected = tokio::time::timeout(Duration::from_secs(20), elected).await;
    let (leadership, keeper) = elected.unwrap_or_else(|_| panic!("{refused:?}")).unwrap();
    assert!(leadership.epoch > 0);
    let about = About::Node {
        name: "of-nobody".to_owned(),
        uid: String::new(),
        incident: None,
    };
    let event = Event {
        about,
        is_warning: false,
        reason: "Soaking".to_owned(),
        action: "Soaking".to_owned(),
        note: "watched".to_owned(),
    };
    let herald = Herald::new(client, "it");
    // The second is a change of the first.
    for _ in 0..2 {
        assert_eq!(herald.tell(std::slice::from_ref(&event)).await.written, 1);
    }
    keeper.release().await.unwrap();
}

#[tokio::test]
async fn the_hook_cleans_up_with_its_own_token() {
    let Some(bed) = bed() else { return };
    let _turn = TURN.lock().await;
    install(bed);
    mess(bed);
    bed.apply(&json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "unstall-controller", "namespace": NAMESPACE},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "none"}]}},
        },
    }));
    let dir = as_account(bed, "unstall-cleanup");
    let namespace = format!("--namespace={NAMESPACE}");
    let args = [
        "cleanup",
        &namespace,
        "--scale-down=unstall-controller",
        "--wait=40s",
    ];
    let output = bed.run_as(&dir.path().join("config"), &args, "");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    assert!(is_clean(bed), "{err}");
}
