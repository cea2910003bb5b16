//! Nodes, their pods, and what actuators and API servers say.

use std::collections::BTreeMap;

use proptest::collection::btree_map;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::objects::KERNEL;

/// Names of nodes.
pub const NODES: [&str; 4] = ["n1", "n2", "n3", "n4"];
/// A boot that follows an order to reboot, and nothing else.
pub const OBEYED: &str = "obeyed";

fn mostly<T: Clone + std::fmt::Debug + 'static>(usual: T, else_: T) -> impl Strategy<Value = T> {
    prop_oneof![14 => Just(usual), 1 => Just(else_)]
}

/// A patch of what is true of a node.
pub fn node() -> impl Strategy<Value = Value> {
    (measured(), marks(), machine()).prop_map(|(measured, marks, machine)| {
        let mut node = measured;
        for part in [marks, machine] {
            let fields = part.as_object().unwrap().clone();
            node.as_object_mut().unwrap().extend(fields);
        }
        node
    })
}

/// The same of a node on which nothing but one thing is wrong.
pub fn sick() -> impl Strategy<Value = Value> {
    let well = json!({
        "labels": {"pool": "a"}, "kernel": KERNEL, "staged": KERNEL, "rebootRequired": false, "uid": "first",
        "conditions": {"ReadonlyFilesystem": "False"}, "zombies": 20_000, "medians": {"NetworkStall": "1ms"},
    });
    let with = move |sick: Value| {
        let mut node = well.clone();
        let fields = sick.as_object().unwrap().clone();
        node.as_object_mut().unwrap().extend(fields);
        node
    };
    select(vec![
        json!({}),
        json!({"state": "Firing", "value": "150ms"}),
        json!({"state": "Firing", "value": "150ms", "labels": {"pool": "b"}}),
        json!({"kernel": "6.1.0-39"}),
        json!({"kernel": "6.1.0-39", "labels": {"pool": "b"}}),
        json!({"rebootRequired": true}),
        json!({"conditions": {"ReadonlyFilesystem": {"status": "True", "ago": "20m"}}}),
    ])
    .prop_map(with)
}

fn measured() -> impl Strategy<Value = Value> {
    (
        select(&["Firing", "Firing", "Clear", "Clear", "Unknown"][..]),
        prop_oneof![14 => Just("Reports"), 1 => Just("Silent"), 1 => Just("Never")],
        mostly(true, false),
        option::of(select(&[0, 999, 1000, 20_000][..])),
        option::of(select(&["1ms", "20ms", "150ms"][..])),
        select(&["0s", "10m"][..]),
        option::of(select(&["1ms", "90ms"][..])),
        select(&["Healthy", "Stalled", "Unknown"][..]),
    )
        .prop_map(
            |(state, probe, actuator, zombies, since, ago, median, verdict)| {
                json!({
                    "state": state,
                    "probe": probe,
                    "actuator": actuator,
                    "value": "130ms",
                    "zombies": zombies,
                    "sinceCommand": since,
                    "countedAgo": ago,
                    "medians": {"NetworkStall": median},
                    "verdict": verdict,
                })
            },
        )
}

/// What anybody may have set on the Node.
fn marks() -> impl Strategy<Value = Value> {
    let skip =
        prop_oneof![10 => Just(json!(null)), 1 => Just(json!("yes")), 1 => Just(json!("false"))];
    let taints = mostly(json!([]), json!(["ToBeDeletedByClusterAutoscaler"]));
    let cordoned = prop_oneof![
        6 => Just(json!({})),
        2 => Just(json!({"unschedulable": false})),
        1 => Just(json!({"unschedulable": true})),
        1 => Just(json!({"unschedulable": true, "by": "n1-1"})),
        1 => Just(json!({"unschedulable": true, "by": "ghost-1"})),
    ];
    let asks = mostly(json!(null), json!("true"));
    let control_plane = mostly(json!(null), json!(""));
    (
        skip,
        taints,
        cordoned,
        asks,
        control_plane,
        select(&["a", "b"][..]),
        option::of(Just("ready")),
    )
        .prop_map(|(skip, taints, mut cordoned, asks, role, pool, storage)| {
            let by = cordoned.as_object_mut().unwrap().remove("by");
            let mut annotations = json!({
                "unstall.dev/skip": skip,
                "karpenter.sh/do-not-disrupt": asks,
                "storage": storage,
            });
            if let Some(by) = by {
                annotations["unstall.dev/cordoned-by"] = by;
            }
            cordoned["annotations"] = annotations;
            cordoned["labels"] = json!({
                "pool": pool,
                "node-role.kubernetes.io/control-plane": role,
            });
            cordoned["taints"] = taints;
            cordoned
        })
}

/// The machine, its kernel and its kubelet.
fn machine() -> impl Strategy<Value = Value> {
    let conditions = select(vec![
        json!({}),
        json!({"ReadonlyFilesystem": null}),
        json!({"ReadonlyFilesystem": "False"}),
        json!({"ReadonlyFilesystem": {"status": "True", "ago": "20m"}, "StorageReady": "True"}),
    ]);
    let kernel = || select(vec![json!(null), json!("6.1.0-39"), json!(KERNEL)]);
    (
        (mostly(true, false), mostly(false, true)),
        prop_oneof![14 => Just("first"), 1 => Just("second")],
        prop_oneof![10 => Just(json!(null)), 1 => Just(json!("spontaneous")), 1 => Just(json!(""))],
        mostly(json!(null), json!("early")),
        kernel(),
        kernel(),
        option::of(any::<bool>()),
        conditions,
    )
        .prop_map(
            |((ready, deleting), made, boot, seen, kernel, staged, asked, conditions)| {
                let mut node = json!({
                    "ready": ready,
                    "deleting": deleting,
                    "uid": made,
                    "bootSeenByKubelet": seen,
                    "kernel": kernel,
                    "staged": staged,
                    "rebootRequired": asked,
                    "conditions": conditions,
                });
                if !boot.is_null() {
                    node["boot"] = boot;
                }
                node
            },
        )
}

/// What an actuator says of its command, at any length that the API allows.
pub fn answer() -> impl Strategy<Value = Value> {
    let state = prop_oneof![
        6 => Just("Succeeded"),
        2 => Just("Accepted"),
        1 => Just("Failed"),
        2 => Just("Refused"),
        1 => Just("Interrupted"),
    ];
    let message = vec!["done".to_owned(), String::new(), "é".repeat(512)];
    let message = option::of(select(message));
    let reason = select(&["Busy", "TooSoon", "Expired", "NotAvailable"][..]);
    (state, message, reason).prop_map(|(state, message, reason)| {
        let reason = (state == "Refused").then_some(reason);
        json!({"state": state, "message": message, "reason": reason})
    })
}

/// Pods of every kind; on each node others.
pub fn pods() -> impl Strategy<Value = BTreeMap<String, BTreeMap<String, Value>>> {
    let kinds = vec![
        ("web", json!({})),
        ("web", json!({})),
        ("api", json!({})),
        ("api", json!({"priority": 1000})),
        ("db", json!({})),
        ("db", json!({"ready": false})),
        (
            "job",
            json!({"doNotDisrupt": "karpenter.sh/do-not-disrupt", "phase": "Succeeded"}),
        ),
        (
            "queue",
            json!({"doNotDisrupt": "karpenter.sh/do-not-disrupt"}),
        ),
        ("agent", json!({"owner": "DaemonSet/agent"})),
        ("etcd", json!({"mirror": true, "owner": "Node/n"})),
        ("bare", json!({"owner": "none"})),
        ("cache", json!({"emptyDir": true})),
        (
            "stuck",
            json!({"stuck": true, "finalizers": ["example.com/never"]}),
        ),
        (
            "guard",
            json!({"priority": 2_000_000_000, "graceSeconds": 0}),
        ),
        ("tolerant", json!({"toleratesUnschedulable": true})),
        ("unstuck", json!({"stuck": false})),
    ];
    let pod = (select(&NODES[..]), select(kinds), mostly(true, false));
    proptest::collection::vec(pod, 0..12).prop_map(|all| {
        let mut pods: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
        for (node, (kind, facts), is_there) in all {
            let of_node = pods.entry(node.to_owned()).or_default();
            let facts = if is_there { facts } else { Value::Null };
            let kind = kind.trim_start_matches("un");
            of_node.insert(format!("{kind}-{node}"), facts);
        }
        pods
    })
}

/// Budgets of some of them.
pub fn budgets() -> impl Strategy<Value = BTreeMap<String, Value>> {
    let budget = (select(&["web", "db", "queue"][..]), 0..=2).prop_map(|(app, allowed)| {
        json!({"labels": {"app": app}, "allowed": allowed, "allowsUnready": app == "db"})
    });
    btree_map(
        select(&["one", "two"][..]).prop_map(str::to_owned),
        budget,
        0..=2,
    )
}

/// Answers that an API server rarely gives.
const SAID: [&str; 8] = [
    "Throttled",
    "ManyBudgets",
    "Refused",
    "Unknown",
    "StaleBudget",
    "NamespaceTerminating",
    "Gone",
    "Asked",
];

/// What the API server is made to answer to evictions.
pub fn evictions() -> impl Strategy<Value = BTreeMap<String, Value>> {
    let forced = option::of(select(&SAID[..])).prop_map(|said| {
        said.map_or(
            Value::Null,
            |said| json!({"said": said, "message": "so be it"}),
        )
    });
    let pods = select(&["web-n1", "web-n2", "db-n1", "cache-n3"][..]);
    btree_map(pods.prop_map(str::to_owned), forced, 0..=2)
}
