//! Policies: what sick nodes get, roll-outs, and what limits them.

use serde_json::{Value, json};

use crate::sim::api::kind::THEIRS;
use crate::sim::chance::Chance;
use crate::sim::world::gate_key;

/// The policies of a world.
pub fn policies(chance: &mut Chance) -> Vec<Value> {
    let mut all = vec![cure(chance)];
    if chance.happens(500) {
        all.push(roll(chance));
    }
    if chance.happens(300) {
        all.push(patch(chance));
    }
    if chance.happens(200) {
        all.push(nowhere());
    }
    all
}

/// Sick nodes.
fn cure(chance: &mut Chance) -> Value {
    let ladder = chance.of([
        &["drop", "reboot"][..],
        &["drop", "reboot"],
        &["reboot"],
        &["reboot"],
        &["drop"],
        &["drop", "hold"],
        &["hand"],
        &["drop", "hand"],
        &[],
    ]);
    let zones = chance.of([&["a", "b", "c"][..], &["a", "b"]]);
    let mut triggers = vec![json!({
        "name": "slow", "remedies": ladder,
        "signal": {"name": "MemoryStatReadCPU", "above": "100ms", "clearBelow": "20ms", "for": "1m"},
    })];
    if chance.happens(400) {
        triggers.push(json!({
            "name": "readonly", "remedies": ["reboot"],
            "condition": {"type": "ReadonlyFilesystem", "status": "True", "for": "1m"},
        }));
    }
    let approval = chance.of(["Auto", "Auto", "Auto", "Auto", "Manual"]);
    let drops = chance.of([1, 4, 4]);
    let exhausted = chance.of(["NextRung", "NextRung", "Stop"]);
    let mut remedies = vec![
        json!({"name": "drop", "dropCaches": {}, "settle": "30s", "maxPerNodePer24h": drops, "whenExhausted": exhausted}),
        json!({"name": "reboot", "reboot": {"timeout": "10m"}, "settle": "30s", "approval": approval}),
        json!({"name": "hold", "cordon": {}, "settle": "30s"}),
    ];
    if ladder.contains(&"hand") {
        remedies.push(json!({"name": "hand", "settle": "30s", "handOver": {"timeout": "20m", "template": {
            "apiVersion": THEIRS, "kind": "SelfNodeRemediationTemplate", "name": "played", "namespace": "default",
        }}}));
    }
    let mut policy = json!({
        "metadata": {"name": "cure"},
        "spec": {
            "mode": chance.of(["Enforce", "Enforce", "Enforce", "Enforce", "Observe"]),
            "priority": chance.of([0, 10]),
            "nodeSelector": {"matchExpressions": [
                {"key": "topology.kubernetes.io/zone", "operator": "In", "values": zones},
            ]},
            "triggers": triggers,
            "remedies": remedies,
            "drain": drain(chance),
            "disruption": disruption(chance),
            "afterFailure": chance.of(["KeepCordoned", "Uncordon"]),
            "soak": {"for": chance.of(["1m", "5m"]), "timeout": "30m"},
        },
    });
    if chance.happens(200) {
        policy["spec"]["gates"] = gates(chance);
    }
    policy
}

/// Nodes whose kernel is too old.
fn roll(chance: &mut Chance) -> Value {
    let worse = chance.of([&["NetworkStall"][..], &[]]);
    json!({
        "metadata": {"name": "roll"},
        "spec": {
            "mode": "Enforce",
            "priority": 5,
            "nodeSelector": {"matchLabels": {"kubernetes.io/os": "linux"}},
            "triggers": [{
                "name": "kernel", "remedies": ["reboot"],
                "kernel": {"atLeast": "6.1.0-40", "requireStaged": chance.happens(700)},
            }],
            "remedies": [{"name": "reboot", "reboot": {"timeout": "10m"}, "settle": "30s"}],
            "drain": drain(chance),
            "disruption": disruption(chance),
            "soak": {"for": "1m", "timeout": "30m"},
            "rollout": rollout(chance, worse),
        },
    })
}

/// Nodes that the distribution wants rebooted.
fn patch(chance: &mut Chance) -> Value {
    json!({
        "metadata": {"name": "patch"},
        "spec": {
            "mode": "Enforce",
            "nodeSelector": {"matchLabels": {"kubernetes.io/os": "linux"}},
            "triggers": [{"name": "patched", "remedies": ["reboot"], "rebootRequired": {}}],
            "remedies": [{"name": "reboot", "reboot": {"timeout": "10m"}, "settle": "30s"}],
            "drain": drain(chance),
            "disruption": disruption(chance),
            "soak": {"for": "1m", "timeout": "30m"},
            "rollout": rollout(chance, &[]),
        },
    })
}

/// An empty selector covers nothing.
fn nowhere() -> Value {
    json!({
        "metadata": {"name": "nowhere"},
        "spec": {
            "mode": "Enforce",
            "nodeSelector": {},
            "triggers": [{
                "name": "slow", "remedies": ["reboot"],
                "signal": {"name": "MemoryStatReadCPU", "above": "100ms", "clearBelow": "20ms", "for": "1m"},
            }],
            "remedies": [{"name": "reboot", "reboot": {"timeout": "10m"}}],
        },
    })
}

fn rollout(chance: &mut Chance, worse: &[&str]) -> Value {
    let selector = match chance.below(4) {
        0 => json!({"matchLabels": {"topology.kubernetes.io/zone": "b"}}),
        _ => json!({}),
    };
    json!({
        "canaries": chance.of([0, 1, 1, 2]), "canarySelector": selector, "bake": chance.of(["5m", "30m"]),
        "haltOnWorse": {"signals": worse, "tolerancePercent": 20},
    })
}

fn drain(chance: &mut Chance) -> Value {
    let step = |action: &str, time: &str| json!({"action": action, "for": time});
    let last = |action: &str| json!({"action": action});
    let steps = match chance.below(10) {
        0 => vec![step("Wait", "2m"), step("Evict", "10m"), last("Abort")],
        1 => vec![step("Evict", "3m"), last("Delete")],
        2 => vec![last("Skip")],
        _ => Vec::new(),
    };
    let rule = |name: &str, app: &str, steps: &[Value]| json!({"name": name, "podSelector": {"matchLabels": {"app": app}}, "steps": steps});
    let mut rules = Vec::new();
    if !steps.is_empty() {
        rules.push(rule("web", "web-0", &steps));
    }
    if chance.happens(100) {
        rules.push(rule("own", "unstall-controller", &[last("Skip")]));
    }
    json!({
        "timeout": chance.of(["15m", "15m", "1h"]),
        "onTimeout": chance.of(["Abort", "Abort", "Proceed"]),
        "excludeFromLoadBalancers": chance.of(["0s", "30s"]),
        "rules": rules,
        "deleteEmptyDirData": chance.happens(500),
        "force": chance.happens(500),
    })
}

fn disruption(chance: &mut Chance) -> Value {
    let mut disruption = json!({
        "maxUnavailable": chance.pick(&[json!(1), json!(2), json!("20%")]),
        "stopWhenUnhealthy": chance.of(["20%", "40%", "100%"]),
        "pauseBetween": chance.of(["0s", "2m"]),
        "cooldownPerNode": chance.of(["0s", "10m", "1h"]),
        "maxRebootsPerNodePer24h": chance.of([1, 2, 6]),
        "perTopology": [{"key": "topology.kubernetes.io/zone", "maxUnavailable": 1}],
    });
    if chance.happens(150) {
        disruption["windows"] = windows(chance);
    }
    if chance.happens(80) {
        disruption["blockedBy"]["pods"] =
            json!([{"name": "web", "podSelector": {"matchLabels": {"app": "web-0"}}}]);
    }
    if chance.happens(150) {
        disruption["blockedBy"]["alerts"] = json!({"firing": [{"name": "any", "matchers": [{"label": "alertname", "value": "Played"}]}]});
    }
    disruption
}

/// Worlds go from noon to midnight, by the time of Greenwich.
fn windows(chance: &mut Chance) -> Value {
    let (zone, ahead) = chance.of([("Etc/UTC", 0), ("Asia/Tokyo", 9)]);
    let hour = |hour: u64| format!("{:02}:00", (hour + ahead) % 24);
    let start = 12 + chance.below(7);
    let end = start + 1 + chance.below(4);
    let mut windows = json!({
        "allow": [{"timeZone": zone, "start": hour(start), "end": hour(end)}],
    });
    if chance.happens(300) {
        let from = start + chance.below(2);
        windows["exclude"] = json!([{"reason": "played", "timeZone": zone, "start": hour(from), "end": hour(from + 1)}]);
    }
    windows
}

fn gates(chance: &mut Chance) -> Value {
    let action = chance.of(["Abort", "Abort", "Proceed"]);
    let mut gates = json!({});
    for (point, name) in [
        ("beforeDrain", "drain"),
        ("beforeReboot", "reboot"),
        ("beforeUncordon", "uncordon"),
    ] {
        if chance.happens(600) {
            gates[point] = json!([{
                "name": name, "annotation": {"key": gate_key(name)},
                "timeout": chance.of(["5m", "30m"]), "onTimeout": action,
            }]);
        }
    }
    gates
}
