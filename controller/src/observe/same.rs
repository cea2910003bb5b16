//! Whether what is said anew says nothing that a decision waits for. Thousands of nodes
//! and probes say so all the time; the loop looks at their numbers when it looks by
//! itself, every 2 s while an incident is at work.

use unstall_crds::condition::Condition;
use unstall_crds::health::{NodeHealth, NodeHealthStatus, SignalStatus, TriggerStatus};
use unstall_decide::Node;

use super::stores::Readable;

/// The same of a Node, however often its kubelet wrote it.
pub fn node(old: &Node, new: &Node) -> bool {
    let undated = |node: &Node| Node {
        resource_version: None,
        ..node.clone()
    };
    undated(old) == undated(new)
}

/// The same of a probe: its state, not its numbers.
pub fn health(old: &Readable<NodeHealth>, new: &Readable<NodeHealth>) -> bool {
    let (Ok(old), Ok(new)) = (old, new) else {
        return false;
    };
    let (of_old, of_new) = (&old.metadata, &new.metadata);
    of_old.uid == of_new.uid
        && of_old.deletion_timestamp == of_new.deletion_timestamp
        && old.spec == new.spec
        && match (&old.status, &new.status) {
            (Some(old), Some(new)) => status(old, new),
            (old, new) => old.is_none() && new.is_none(),
        }
}

fn status(old: &NodeHealthStatus, new: &NodeHealthStatus) -> bool {
    let trigger = |(old, new): (&TriggerStatus, &TriggerStatus)| {
        (&old.policy, &old.name, &old.signal_hash, old.state)
            == (&new.policy, &new.name, &new.signal_hash, new.state)
            && old.value.is_some() == new.value.is_some()
    };
    let signal =
        |(old, new): (&SignalStatus, &SignalStatus)| (old.name, old.state) == (new.name, new.state);
    let condition = |(old, new): (&Condition, &Condition)| {
        (&old.type_, old.status, &old.reason) == (&new.type_, new.status, &new.reason)
    };
    old.heartbeat.is_some() == new.heartbeat.is_some()
        && old.observed_generation == new.observed_generation
        && old.boot_id == new.boot_id
        && old.kernel == new.kernel
        && old.probe == new.probe
        && old.verdict == new.verdict
        && old.command == new.command
        && all(&old.triggers, &new.triggers, trigger)
        && all(&old.signals, &new.signals, signal)
        && all(&old.conditions, &new.conditions, condition)
}

fn all<T>(old: &[T], new: &[T], is_same: impl Fn((&T, &T)) -> bool) -> bool {
    old.len() == new.len() && old.iter().zip(new).all(is_same)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    fn told(changes: &[(&str, Value)]) -> Readable<NodeHealth> {
        let mut all = json!({
            "apiVersion": "unstall.dev/v1alpha1", "kind": "NodeHealth",
            "metadata": {"name": "n", "resourceVersion": "1", "uid": "u"},
            "spec": {"nodeUID": "u"},
            "status": {
                "bootID": "b", "heartbeat": "2026-03-02T12:00:00Z", "verdict": "Healthy", "summary": "well",
                "kernel": {"running": "6.1.0", "rebootRequired": false},
                "probe": {"version": "1", "actuator": true, "reboots": true},
                "triggers": [{"policy": "p", "name": "t", "signalHash": "0123456789abcdef", "state": "Clear",
                              "since": "2026-03-02T11:00:00Z", "value": "2ms"}],
                "signals": [{"name": "MemoryStatReadCPU", "state": "Known", "last": "2ms"}],
                "command": {"id": "i", "epoch": 1, "action": "Reboot", "state": "Accepted"},
            },
        });
        for (path, value) in changes {
            *all.pointer_mut(path).unwrap() = value.clone();
        }
        Ok(Arc::new(serde_json::from_value(all).unwrap()))
    }

    #[test]
    fn numbers_and_times_wake_nobody() {
        let again = told(&[
            ("/metadata/resourceVersion", json!("2")),
            ("/status/heartbeat", json!("2026-03-02T12:05:00Z")),
            ("/status/summary", json!("as well")),
            ("/status/triggers/0/value", json!("3ms")),
            ("/status/signals/0/last", json!("3ms")),
        ]);
        assert!(health(&told(&[]), &again));
    }

    #[test]
    fn states_do() {
        for (path, value) in [
            ("/metadata/uid", json!("v")),
            ("/spec/nodeUID", json!("v")),
            ("/status", Value::Null),
            ("/status/bootID", json!("c")),
            ("/status/heartbeat", Value::Null),
            ("/status/triggers/0/value", Value::Null),
            ("/status/verdict", json!("Stalled")),
            ("/status/kernel/rebootRequired", json!(true)),
            ("/status/probe/actuator", json!(false)),
            ("/status/triggers/0/state", json!("Firing")),
            ("/status/triggers/0/signalHash", json!("1123456789abcdef")),
            ("/status/triggers", json!([])),
            ("/status/signals/0/state", json!("Unknown")),
            ("/status/command/state", json!("Succeeded")),
        ] {
            assert!(!health(&told(&[]), &told(&[(path, value)])), "{path}");
        }
        assert!(!health(&told(&[]), &Err("cannot be read".to_owned())));
    }

    #[test]
    fn a_kubelet_that_writes_the_same_wakes_nobody() {
        let node = Node {
            resource_version: Some("1".to_owned()),
            boot_id: Some("b".to_owned()),
            ..Node::default()
        };
        let written = |change: fn(&mut Node)| {
            let mut new = node.clone();
            new.resource_version = Some("2".to_owned());
            change(&mut new);
            super::node(&node, &new)
        };
        assert!(written(|_| {}));
        assert!(!written(|node| node.boot_id = None));
    }
}
