//! Policies, nodes, and what actuators say.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

/// Names of policies.
pub const POLICIES: [&str; 3] = ["a", "b", "c"];
/// Names of nodes.
pub const NODES: [&str; 4] = ["n1", "n2", "n3", "n4"];
/// Names of remedies.
pub const REMEDIES: [&str; 3] = ["drop", "drop-all", "drop-slab"];

/// A patch of a policy's spec.
pub fn policy() -> impl Strategy<Value = Value> {
    let linux = json!({"matchLabels": {"kubernetes.io/os": "linux"}});
    let selector = prop_oneof![
        6 => Just(linux),
        1 => Just(json!({"matchLabels": {"kubernetes.io/os": null, "pool": "a"}})),
        1 => Just(json!({"matchLabels": null})),
    ];
    (
        prop_oneof![1 => Just("Observe"), 6 => Just("Enforce")],
        prop_oneof![8 => Just(false), 1 => Just(true)],
        -1..=1,
        selector,
        select(&["100ms", "120ms"][..]),
        subsequence(&REMEDIES[..], 1..=3),
        remedies(),
        disruption(),
    )
        .prop_map(
            |(mode, suspend, priority, selector, above, ladder, remedies, disruption)| {
                let signal = json!({
                    "name": "MemoryStatReadCPU", "above": above, "clearBelow": "20ms",
                });
                json!({
                    "mode": mode,
                    "suspend": suspend,
                    "priority": priority,
                    "nodeSelector": selector,
                    "triggers": [{"name": "slow", "signal": signal, "remedies": ladder}],
                    "remedies": remedies,
                    "disruption": disruption,
                })
            },
        )
}

/// Every remedy, all with the same cap.
fn remedies() -> impl Strategy<Value = Value> {
    let approval = prop_oneof![20 => Just("Auto"), 1 => Just("Manual")];
    (1..=2, select(&["NextRung", "Stop"][..]), approval).prop_map(|(cap, then, approval)| {
        let remedy = |name| {
            json!({
                "name": name,
                "dropCaches": {},
                "maxPerNodePer24h": cap,
                "whenExhausted": then,
                "approval": approval,
            })
        };
        json!(REMEDIES.map(remedy))
    })
}

fn disruption() -> impl Strategy<Value = Value> {
    (
        select(vec![json!(1), json!(2), json!("50%")]),
        select(&["20%", "100%", "100%"][..]),
        select(&["0s", "10m", "48h"][..]),
    )
        .prop_map(|(in_place, breaker, cooldown)| {
            json!({
                "maxInPlace": in_place,
                "stopWhenUnhealthy": breaker,
                "cooldownPerNode": cooldown,
            })
        })
}

/// A patch of what is true of a node.
pub fn node() -> impl Strategy<Value = Value> {
    let annotations = prop_oneof![
        10 => Just(json!({"unstall.dev/skip": null})),
        1 => Just(json!({"unstall.dev/skip": "yes"})),
        1 => Just(json!({"unstall.dev/skip": "false"})),
    ];
    let mostly = || prop_oneof![14 => Just(true), 1 => Just(false)];
    let measured = (
        option::of(select(&[0, 999, 1000, 20_000][..])),
        option::of(select(&["1ms", "20ms", "150ms"][..])),
        select(&["0s", "10m"][..]),
    );
    (
        select(&["Firing", "Firing", "Firing", "Clear", "Unknown"][..]),
        prop_oneof![14 => Just("Reports"), 1 => Just("Silent"), 1 => Just("Never")],
        (mostly(), mostly(), mostly()),
        annotations,
        select(&["a", "b"][..]),
        measured,
        prop_oneof![14 => Just("first"), 1 => Just("second")],
    )
        .prop_map(
            |(state, probe, (actuator, ready, stays), annotations, pool, measured, made)| {
                let (zombies, since, ago) = measured;
                json!({
                    "state": state,
                    "probe": probe,
                    "actuator": actuator,
                    "ready": ready,
                    "deleting": !stays,
                    "annotations": annotations,
                    "labels": {"pool": pool},
                    "value": "130ms",
                    "zombies": zombies,
                    "sinceCommand": since,
                    "countedAgo": ago,
                    "uid": made,
                    "boot": made,
                })
            },
        )
}

/// What an actuator says of its command, at any length that the API allows.
pub fn answer() -> impl Strategy<Value = Value> {
    let state = prop_oneof![
        6 => Just("Succeeded"),
        1 => Just("Accepted"),
        1 => Just("Failed"),
        1 => Just("Refused"),
        1 => Just("Interrupted"),
    ];
    let message = option::of("[ -~é]{0,512}");
    (state, message).prop_map(|(state, message)| {
        let reason = (state == "Refused").then_some("Busy");
        json!({"state": state, "message": message, "reason": reason})
    })
}
