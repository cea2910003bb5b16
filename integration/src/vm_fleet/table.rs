//! A fleet as a person watches it: nodes, kernels, phases and reasons, the
//! workload, and what changed. `(pure)`

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use jiff::Timestamp;
use serde_json::Value;

use super::wait::{node, remediation};
use crate::product::{list, text};

/// What the table shows beside the objects.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown {
    /// Pods of the workload that are available now; nothing while nobody tells.
    pub available: Option<u32>,
    /// The fewest so far.
    pub least: Option<u32>,
    /// All of them.
    pub replicas: u32,
    /// What its budget asks for.
    pub min_available: u32,
}

const NONE: &str = "-";

/// The table at `now`.
#[must_use]
pub fn render(objects: &[Value], names: &[&str], shown: &Shown, now: Timestamp) -> String {
    let mut rows = vec![
        [
            "NODE",
            "KERNEL",
            "NEXT BOOT",
            "STATUS",
            "PHASE",
            "FOR",
            "WAITING FOR",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    rows.extend(names.iter().map(|name| row(objects, name, now)));
    let mut lines = aligned(&rows);
    lines.push(String::new());
    lines.push(format!("roll-out  {}", rollout(objects)));
    let count = |count: Option<u32>| count.map_or(NONE.to_owned(), |count| count.to_string());
    lines.push(format!(
        "workload  {} of {} pods available, never fewer than {} (its budget asks for {})",
        count(shown.available),
        shown.replicas,
        count(shown.least),
        shown.min_available
    ));
    lines.join("\n")
}

fn row(objects: &[Value], name: &str, now: Timestamp) -> Vec<String> {
    let object = node(objects, name);
    let of = |path: &str| object.and_then(|it| text(it, path)).unwrap_or(NONE);
    let health = objects.iter().find(|it| {
        text(it, "/kind") == Some("NodeHealth") && text(it, "/metadata/name") == Some(name)
    });
    let incident = remediation(objects, name);
    let part = |path: &str| incident.and_then(|it| text(it, path));
    let outcome = part("/status/outcome");
    let since = part("/status/phaseSince").and_then(|at| at.parse::<Timestamp>().ok());
    let mut held: Vec<_> = incident
        .map_or(&[][..], |it| list(it, "/status/blockers"))
        .iter()
        .filter_map(|it| text(it, "/reason"))
        .collect();
    if held.is_empty() && (incident.is_none() || outcome.is_some()) {
        held.extend(blocked(objects, name));
    }
    let seconds = since.map(|since| now.as_second() - since.as_second());
    vec![
        name.to_owned(),
        of("/status/nodeInfo/kernelVersion").to_owned(),
        health
            .and_then(|it| text(it, "/status/kernel/staged"))
            .unwrap_or(NONE)
            .to_owned(),
        object.map_or(NONE.to_owned(), status),
        outcome.or(part("/status/phase")).unwrap_or(NONE).to_owned(),
        match (outcome, seconds) {
            (None, Some(seconds)) => format!("{} s", seconds.max(0)),
            _ => NONE.to_owned(),
        },
        if held.is_empty() {
            NONE.to_owned()
        } else {
            held.join(", ")
        },
    ]
}

/// Why a policy does nothing about a node that calls for it.
fn blocked<'a>(objects: &'a [Value], name: &str) -> Option<&'a str> {
    let all = objects.iter().flat_map(|it| list(it, "/status/blocked"));
    let mut named = all.filter(|it| list(it, "/nodes").iter().any(|node| node == name));
    named.next().and_then(|it| text(it, "/reason"))
}

/// As `kubectl get nodes` says it.
fn status(object: &Value) -> String {
    let conditions = list(object, "/status/conditions");
    let ready = conditions
        .iter()
        .find(|it| text(it, "/type") == Some("Ready"));
    let ready = match ready.and_then(|it| text(it, "/status")) {
        Some("True") => "Ready",
        _ => "NotReady",
    };
    match object.pointer("/spec/unschedulable") {
        Some(Value::Bool(true)) => format!("{ready}, cordoned"),
        _ => ready.to_owned(),
    }
}

/// The first roll-out of the first policy, in a sentence.
fn rollout(objects: &[Value]) -> String {
    let policy = objects
        .iter()
        .find(|it| text(it, "/kind") == Some("NodeHealthPolicy"));
    let Some(rollout) = policy.and_then(|it| it.pointer("/status/rollouts/0")) else {
        return NONE.to_owned();
    };
    let count = |path: &str| rollout.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    let stage = text(rollout, "/stage").unwrap_or(NONE);
    let target = text(rollout, "/target").unwrap_or(NONE);
    let why = text(rollout, "/message").map_or(String::new(), |why| format!(": {why}"));
    format!(
        "{stage}, {} of {} nodes have {target}{why}",
        count("/done"),
        count("/total")
    )
}

fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(&widths);
            let padded: Vec<_> = cells
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            padded.join("  ").trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_node_shows_its_kernel_phase_and_what_it_waits_for() {
        let objects = [
            json!({"kind": "Node", "metadata": {"name": "a"}, "spec": {"unschedulable": true}, "status": {
                "nodeInfo": {"kernelVersion": "6.1.0"}, "conditions": [{"type": "Ready", "status": "True"}]}}),
            json!({"kind": "NodeHealth", "metadata": {"name": "a"}, "status": {"kernel": {"staged": "6.12.9"}}}),
            json!({"kind": "NodeRemediation", "spec": {"nodeName": "a"}, "metadata": {"creationTimestamp": "1"},
                "status": {"phase": "Draining", "phaseSince": "2026-11-26T12:00:00Z",
                    "blockers": [{"reason": "PodDisruptionBudget"}]}}),
            json!({"kind": "NodeHealthPolicy", "status": {"blocked": [
                {"reason": "CanariesFirst", "count": 1, "nodes": ["b"]}], "rollouts": [
                {"stage": "Canary", "target": "6.12.0", "done": 0, "total": 2, "message": "a is on its way"}]}}),
        ];
        let shown = Shown {
            available: Some(2),
            least: None,
            replicas: 3,
            min_available: 2,
        };
        let now = "2026-11-26T12:00:07Z".parse().unwrap();
        let table = render(&objects, &["a", "b"], &shown, now);
        let wanted = "\
NODE  KERNEL  NEXT BOOT  STATUS           PHASE     FOR  WAITING FOR
a     6.1.0   6.12.9     Ready, cordoned  Draining  7 s  PodDisruptionBudget
b     -       -          -                -         -    CanariesFirst

roll-out  Canary, 0 of 2 nodes have 6.12.0: a is on its way
workload  2 of 3 pods available, never fewer than - (its budget asks for 2)";
        assert_eq!(table, wanted);
    }
}
