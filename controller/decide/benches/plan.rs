//! How much CPU a plan takes, pure, at the sizes of real fleets: `make bench-plan`.
//!
//! Each fleet is looked at as it is at rest, with one node in a hundred sick, when a canary
//! of a kernel roll-out is chosen that all nodes are due for, and in the middle of it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints and ends where it cannot go on"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use unstall_crds::health::NodeHealth;
use unstall_crds::policy::NodeHealthPolicy;
use unstall_crds::remediation::NodeRemediation;
use unstall_decide::{Action, Node, NodeCondition, Snapshot, decide};

/// How often each fleet is planned for.
const ROUNDS: usize = 11;
/// Records of ended incidents, as many as the chart keeps.
const RECORDS: usize = 1000;
/// Running cool-downs in the ledger.
const HISTORY: usize = 2000;

fn main() {
    println!(
        "{:>6} {:<24} {:>9} {:>9} {:>8}",
        "nodes", "fleet", "median", "longest", "actions"
    );
    for nodes in [1000, 5000, 15_000] {
        for (fleet, sick_every, kernel, canaries) in [
            ("at rest", 0, "6.1.0-40", 0),
            ("1 % sick", 100, "6.1.0-40", 0),
            ("roll-out, its canary", 0, "6.1.0-30", 3),
            ("roll-out, all due", 0, "6.1.0-30", 0),
        ] {
            let snapshot = settled(fleet_of(nodes, sick_every, kernel, canaries));
            let (median, longest, actions) = measure(&snapshot);
            println!("{nodes:>6} {fleet:<24} {median:>9.1?} {longest:>9.1?} {actions:>8}");
        }
    }
}

/// CPU time of this thread: what a plan takes on a CPU that nobody else uses.
fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let (seconds, nanos) = (now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs());
    Duration::from_secs(seconds) + Duration::from_nanos(nanos)
}

fn measure(snapshot: &Snapshot) -> (Duration, Duration, usize) {
    let mut times = Vec::new();
    let mut actions = 0;
    for _ in 0..ROUNDS {
        let started = cpu();
        let plan = black_box(decide(black_box(snapshot)));
        times.push(cpu() - started);
        actions = plan.actions.len();
    }
    times.sort();
    (times[ROUNDS / 2], times[ROUNDS - 1], actions)
}

/// What a first pass writes for every node is there already.
fn settled(mut snapshot: Snapshot) -> Snapshot {
    for action in decide(&snapshot).actions {
        match action {
            Action::SetTriggers {
                node,
                triggers,
                report_interval,
                ..
            } => {
                let health = Arc::make_mut(snapshot.healths.get_mut(&node).unwrap());
                health.spec.triggers = triggers;
                health.spec.report_interval = report_interval;
            }
            Action::SetConditions { node, set, .. } => {
                Arc::make_mut(snapshot.nodes.get_mut(&node).unwrap())
                    .conditions
                    .extend(set);
            }
            _ => {}
        }
    }
    let plan = decide(&snapshot);
    for policy in &mut snapshot.policies {
        let name = policy.metadata.name.clone().unwrap();
        policy.status = plan.policies.get(&name).cloned();
    }
    snapshot
}

fn fleet_of(nodes: usize, sick_every: usize, kernel: &str, canaries: u8) -> Snapshot {
    let now: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
    let names: Vec<String> = (0..nodes)
        .map(|number| format!("node-{number:05}"))
        .collect();
    let is_sick = |number: usize| sick_every > 0 && number.is_multiple_of(sick_every);
    let policies: Vec<NodeHealthPolicy> = [curing(), conditions(), rolling(canaries)]
        .into_iter()
        .map(|it| serde_json::from_value(it).unwrap())
        .collect();
    let hash = policies[0].spec.triggers[0].signal_hash();
    let numbered = names.iter().enumerate();
    let healths: BTreeMap<String, Arc<NodeHealth>> = numbered
        .clone()
        .map(|(number, name)| {
            (
                name.clone(),
                Arc::new(health(name, is_sick(number), &hash, kernel, now)),
            )
        })
        .collect();
    Snapshot {
        now,
        epoch: 7,
        heard: names.iter().map(|name| (name.clone(), now)).collect(),
        nodes: numbered
            .map(|(number, name)| (name.clone(), Arc::new(node(name, number, kernel, now))))
            .collect(),
        healths,
        policies,
        remediations: (0..RECORDS.min(nodes))
            .map(|number| record(&names[number], number, now))
            .collect(),
        ledger: Some(ledger(&names, now)),
        ..Snapshot::default()
    }
}

fn node(name: &str, number: usize, kernel: &str, now: Timestamp) -> Node {
    let labels = [
        ("kubernetes.io/os", "linux".to_owned()),
        ("kubernetes.io/arch", "amd64".to_owned()),
        ("kubernetes.io/hostname", name.to_owned()),
        ("node.kubernetes.io/instance-type", "m5.4xlarge".to_owned()),
        ("topology.kubernetes.io/zone", format!("z{}", number % 3)),
        ("topology.kubernetes.io/region", "r".to_owned()),
    ];
    let condition = |type_: &str, status: &str| NodeCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: "KubeletHasSufficientMemory".to_owned(),
        message: "kubelet has sufficient memory available".to_owned(),
        since: Some(now - SignedDuration::from_hours(48)),
    };
    Node {
        name: name.to_owned(),
        uid: format!("uid-{name}"),
        resource_version: Some("1".to_owned()),
        labels: labels.map(|(key, value)| (key.to_owned(), value)).into(),
        conditions: vec![
            condition("MemoryPressure", "False"),
            condition("DiskPressure", "False"),
            condition("PIDPressure", "False"),
            condition("ReadonlyFilesystem", "False"),
            condition("Ready", "True"),
        ],
        boot_id: Some(format!("boot-{name}")),
        kernel: Some(kernel.parse().unwrap()),
        ..Node::default()
    }
}

fn health(name: &str, is_sick: bool, hash: &str, kernel: &str, now: Timestamp) -> NodeHealth {
    let names = [
        "MemoryStatReadCPU",
        "MemoryStatReadWall",
        "ZombieMemcgs",
        "ZombieMemcgGrowth",
        "SoftirqDelay",
        "SoftnetSqueeze",
        "SoftnetDrop",
        "MemoryPressure",
        "IRQPressure",
        "CPUSteal",
    ];
    let units = [
        "2ms", "3ms", "12", "4/h", "1ms", "0/h", "0/h", "1%", "0%", "0%",
    ];
    let signals = names.iter().zip(units).map(|(name, value)| {
        json!({"name": name, "state": "Known", "last": value, "min": value, "p50": value, "p90": value,
               "max": value, "samples": 20, "sampledAt": now})
    });
    let state = if is_sick { "Firing" } else { "Clear" };
    let value: Value = json!({
        "apiVersion": "unstall.dev/v1alpha1", "kind": "NodeHealth", "metadata": {"name": name, "resourceVersion": "1"},
        "spec": {"nodeUID": format!("uid-{name}"), "reportInterval": "5m"},
        "status": {
            "bootID": format!("boot-{name}"), "heartbeat": now, "verdict": "Healthy",
            "kernel": {"running": kernel, "staged": "6.1.0-40", "rebootRequired": false},
            "probe": {"version": "1", "cgroupVersion": 2, "actuator": true},
            "summary": "nothing is elevated",
            "triggers": [{"policy": "curing", "name": "walk", "signalHash": hash, "state": state, "since": now, "value": "2ms"}],
            "signals": signals.collect::<Vec<_>>(),
        },
    });
    serde_json::from_value(value).unwrap()
}

fn metadata(name: &str) -> Value {
    json!({"name": name, "uid": format!("uid-{name}"), "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"})
}

fn curing() -> Value {
    json!({
        "apiVersion": "unstall.dev/v1alpha1", "kind": "NodeHealthPolicy", "metadata": metadata("curing"),
        "spec": {
            "mode": "Enforce",
            "nodeSelector": {"matchLabels": {"kubernetes.io/os": "linux"}},
            "triggers": [{"name": "walk", "remedies": ["drop", "reboot"],
                "signal": {"name": "MemoryStatReadCPU", "above": "100ms", "clearBelow": "20ms"}}],
            "remedies": [{"name": "drop", "dropCaches": {}}, {"name": "reboot", "reboot": {}}],
            "disruption": {"perTopology": [{"key": "topology.kubernetes.io/zone", "maxUnavailable": 1}]},
        },
    })
}

fn conditions() -> Value {
    json!({
        "apiVersion": "unstall.dev/v1alpha1", "kind": "NodeHealthPolicy", "metadata": metadata("conditions"),
        "spec": {
            "nodeSelector": {"matchExpressions": [{"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64", "arm64"]}]},
            "triggers": [{"name": "readonly", "condition": {"type": "ReadonlyFilesystem"}, "remedies": ["reboot"]}],
            "remedies": [{"name": "reboot", "reboot": {}}],
        },
    })
}

fn rolling(canaries: u8) -> Value {
    json!({
        "apiVersion": "unstall.dev/v1alpha1", "kind": "NodeHealthPolicy", "metadata": metadata("rolling"),
        "spec": {
            "mode": "Enforce",
            "nodeSelector": {"matchLabels": {"kubernetes.io/os": "linux"}},
            "triggers": [{"name": "kernel", "kernel": {"atLeast": "6.1.0-40"}, "remedies": ["reboot"]}],
            "remedies": [{"name": "reboot", "reboot": {}}],
            "disruption": {"windows": {"allow": [{"timeZone": "Europe/Berlin", "start": "10:00", "end": "16:00"}]}},
            "rollout": {"canaries": canaries, "haltOnWorse": {"signals": ["MemoryStatReadCPU"]}},
        },
    })
}

/// An incident that ended a week ago.
fn record(node: &str, number: usize, now: Timestamp) -> Arc<NodeRemediation> {
    let at = now - SignedDuration::from_hours(24 * 7);
    Arc::new(serde_json::from_value(json!({
        "apiVersion": "unstall.dev/v1alpha1", "kind": "NodeRemediation",
        "metadata": {"name": format!("{node}-1"), "uid": format!("uid-{number}"), "creationTimestamp": at},
        "spec": {"origin": "Manual", "nodeName": node, "reason": "a record", "remedies": ["drop"]},
        "status": {"phase": "Ended", "outcome": "Fixed", "completedAt": at},
    })).unwrap())
}

fn ledger(names: &[String], now: Timestamp) -> unstall_crds::ledger::DisruptionLedger {
    let history = (0..HISTORY.min(names.len())).map(|number| {
        json!({"node": names[number], "action": "DropCaches", "remedy": "drop", "at": now, "until": now + SignedDuration::from_hours(24)})
    });
    serde_json::from_value(json!({
        "apiVersion": "unstall.dev/v1alpha1", "kind": "DisruptionLedger", "metadata": {"name": "cluster"}, "spec": {},
        "status": {"epoch": 7, "slotsInUse": 0, "history": history.collect::<Vec<_>>()},
    })).unwrap()
}
