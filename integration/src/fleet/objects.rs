//! The objects of a node that is played.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Facts;

/// The Node.
#[must_use]
pub fn node(name: &str, labels: &BTreeMap<String, String>) -> Value {
    let mut labels = labels.clone();
    for (key, value) in [
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/hostname", name),
    ] {
        labels.insert(key.to_owned(), value.to_owned());
    }
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
    })
}

/// Its status as its kubelet reports it. Conditions of others are not touched: it
/// is merged strategically.
#[must_use]
pub fn status(name: &str, facts: &Facts, now: Timestamp) -> Value {
    let ready = if facts.is_ready { "True" } else { "False" };
    let room = json!({"cpu": "64", "memory": "256Gi", "pods": "110", "ephemeral-storage": "100Gi"});
    json!({"status": {
        "capacity": room,
        "allocatable": room,
        "conditions": [{
            "type": "Ready", "status": ready, "reason": "Played", "message": "played by a test",
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        }],
        "nodeInfo": {
            "bootID": facts.boot_id(name), "kernelVersion": facts.kernel, "architecture": "amd64",
            "containerRuntimeVersion": "played://1", "kubeProxyVersion": "", "kubeletVersion": "v1.37.2",
            "machineID": name, "operatingSystem": "linux", "osImage": "played", "systemUUID": name,
        },
    }})
}

/// What the probe says, of the triggers in `spec`.
#[must_use]
pub fn health(
    name: &str,
    facts: &Facts,
    spec: &Value,
    command: Option<&Value>,
    now: Timestamp,
) -> Value {
    let (state, value) = if facts.fires {
        ("Firing", "150ms")
    } else {
        ("Clear", "2ms")
    };
    let triggers = spec["triggers"].as_array().cloned().unwrap_or_default();
    let since_command = command.filter(|it| !it["finishedAt"].is_null());
    let judged: Vec<Value> = triggers
        .iter()
        .map(|it| {
            let mut judged = json!({
                "policy": it["policy"], "name": it["name"], "signalHash": it["signalHash"],
                "state": state, "since": now, "value": value,
            });
            if since_command.is_some() {
                judged["valueSinceCommand"] = json!(value);
            }
            judged
        })
        .collect();
    let zombies = if facts.fires { "20000" } else { "12" };
    let signal = |name: &str, value: &str| {
        json!({
            "name": name, "state": "Known", "last": value, "min": value, "p50": value, "p90": value,
            "max": value, "samples": 20, "sampledAt": now,
        })
    };
    json!({"status": {
        "bootID": facts.boot_id(name),
        "kernel": {"running": facts.kernel, "staged": facts.next_kernel, "rebootRequired": false},
        "probe": {
            "version": "played", "cgroupVersion": 2, "actuator": facts.has_actuator,
            "reboots": facts.has_actuator,
        },
        "heartbeat": now,
        "verdict": if facts.fires { "Stalled" } else { "Healthy" },
        "summary": if facts.fires { "root memory.stat reads take 150 ms" } else { "nothing is elevated" },
        "triggers": judged,
        "signals": [
            signal("MemoryStatReadCPU", value), signal("ZombieMemcgs", zombies),
            signal("NetworkStall", &facts.network_stall),
        ],
        "command": command,
    }})
}
