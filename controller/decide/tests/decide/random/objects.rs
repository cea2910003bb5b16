//! Policies.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

/// Names of policies.
pub const POLICIES: [&str; 3] = ["a", "b", "c"];
/// Names of remedies, from gentle to strong.
pub const REMEDIES: [&str; 5] = ["drop", "drop-all", "reboot", "other", "hold"];
/// Those that renew a kernel or wait for somebody who does.
const DISRUPTIVE: [&str; 3] = ["reboot", "other", "hold"];
/// What a roll-out rolls out.
pub const KERNEL: &str = "6.1.0-40";

/// What a remedy of this name does.
pub fn action(remedy: &str) -> &'static str {
    match remedy {
        "reboot" => "Reboot",
        "other" => "HandOver",
        "hold" => "Cordon",
        _ => "DropCaches",
    }
}

/// The block of a remedy of this name.
pub fn block(remedy: &str) -> Value {
    let template = json!({
        "apiVersion": "x.example.com/v1",
        "kind": "CureTemplate",
        "name": "cure",
    });
    match remedy {
        "reboot" => json!({"reboot": {"timeout": "5m"}}),
        "other" => json!({"handOver": {"template": template, "timeout": "5m"}}),
        "hold" => json!({"cordon": {}}),
        _ => json!({"dropCaches": {}}),
    }
}

/// A patch of a policy's spec.
pub fn policy() -> impl Strategy<Value = Value> {
    let linux = json!({"matchLabels": {"kubernetes.io/os": "linux"}});
    let selector = prop_oneof![
        6 => Just(linux),
        1 => Just(json!({"matchLabels": {"kubernetes.io/os": null, "pool": "a"}})),
        1 => Just(json!({"matchLabels": null})),
    ];
    let switches = (
        prop_oneof![1 => Just("Observe"), 6 => Just("Enforce")],
        prop_oneof![12 => Just(false), 1 => Just(true)],
        -1..=1,
        selector,
    );
    (
        switches,
        triggers(),
        remedies(),
        disruption(),
        (drain(), gates(), soak(), rollout()),
        select(&["KeepCordoned", "Uncordon"][..]),
    )
        .prop_map(|(switches, triggers, remedies, disruption, path, after)| {
            let (mode, suspend, priority, selector) = switches;
            let (drain, gates, soak, rollout) = path;
            json!({
                "mode": mode,
                "suspend": suspend,
                "priority": priority,
                "nodeSelector": selector,
                "triggers": triggers,
                "remedies": remedies,
                "disruption": disruption,
                "drain": drain,
                "gates": gates,
                "soak": soak,
                "rollout": rollout,
                "afterFailure": after,
            })
        })
}

/// One or more of all kinds of triggers.
fn triggers() -> impl Strategy<Value = Value> {
    let weak = || subsequence(&REMEDIES[..], 1..=3);
    let strong = || subsequence(&DISRUPTIVE[..], 1..=2);
    (
        weak(),
        weak(),
        strong(),
        strong(),
        select(&["100ms", "120ms"][..]),
        select(&["1s", "10m"][..]),
        any::<bool>(),
        subsequence(vec![0, 1, 2, 3], 1..=3),
    )
        .prop_map(|(slow, ro, new, asked, above, lasting, staged, which)| {
            let signal = json!({
                "name": "MemoryStatReadCPU", "above": above, "clearBelow": "20ms",
            });
            let all = [
                json!({"name": "slow", "signal": signal, "remedies": slow}),
                json!({
                    "name": "ro",
                    "condition": {"type": "ReadonlyFilesystem", "for": lasting},
                    "remedies": ro,
                }),
                json!({
                    "name": "new",
                    "kernel": {"atLeast": KERNEL, "requireStaged": staged},
                    "remedies": new,
                }),
                json!({"name": "asked", "rebootRequired": {}, "remedies": asked}),
            ];
            json!(which.iter().map(|at| &all[*at]).collect::<Vec<_>>())
        })
}

/// Every remedy, all with the same cap.
fn remedies() -> impl Strategy<Value = Value> {
    let approval = prop_oneof![20 => Just("Auto"), 1 => Just("Manual")];
    (
        1..=3,
        select(&["NextRung", "Stop"][..]),
        approval,
        select(&["0s", "1m"][..]),
    )
        .prop_map(|(cap, then, approval, settle)| {
            let remedy = |name: &str| {
                let mut remedy = block(name);
                remedy["name"] = json!(name);
                remedy["maxPerNodePer24h"] = json!(cap);
                remedy["whenExhausted"] = json!(then);
                remedy["approval"] = json!(approval);
                remedy["settle"] = json!(settle);
                remedy
            };
            json!(REMEDIES.map(remedy))
        })
}

fn disruption() -> impl Strategy<Value = Value> {
    let windows = prop_oneof![
        6 => Just(json!({})),
        1 => Just(json!({"allow": [{"start": "12:00", "end": "12:30"}]})),
        1 => Just(json!({"allow": [{"start": "22:00", "end": "05:00"}]})),
    ];
    let blocked_by = prop_oneof![
        8 => Just(json!({})),
        1 => Just(json!({"pods": [{"name": "db", "podSelector": {"matchLabels": {"app": "db"}}}]})),
    ];
    let topologies = prop_oneof![
        2 => Just(json!([])),
        1 => Just(json!([{"key": "pool", "maxUnavailable": 1}])),
    ];
    let limit = || select(vec![json!(1), json!(2), json!("50%")]);
    (
        (limit(), limit(), topologies),
        select(&["20%", "100%", "100%", "100%"][..]),
        select(&["0s", "0s", "10m", "48h"][..]),
        select(&["0s", "0s", "5m"][..]),
        1..=2,
        windows,
        blocked_by,
    )
        .prop_map(
            |(limits, breaker, cooldown, pause, reboots, windows, blocked_by)| {
                let (unavailable, in_place, topologies) = limits;
                json!({
                    "maxUnavailable": unavailable,
                    "maxInPlace": in_place,
                    "perTopology": topologies,
                    "stopWhenUnhealthy": breaker,
                    "cooldownPerNode": cooldown,
                    "pauseBetween": pause,
                    "maxRebootsPerNodePer24h": reboots,
                    "windows": windows,
                    "blockedBy": blocked_by,
                })
            },
        )
}

/// How a node is emptied.
pub fn drain() -> impl Strategy<Value = Value> {
    let wait = json!([{"action": "Wait", "for": "30s"}, {"action": "Delete"}]);
    let rules = prop_oneof![
        1 => Just(json!([
            {"name": "api", "podSelector": {"matchLabels": {"app": "api"}}, "steps": wait},
        ])),
        2 => Just(json!([])),
        1 => Just(json!([{"name": "all", "steps": [{"action": "Evict", "for": "1m"}, {"action": "Abort"}]}])),
        1 => Just(json!([
            {"name": "db", "podSelector": {"matchLabels": {"app": "db"}}, "steps": wait},
            {"name": "web", "podSelector": {"matchLabels": {"app": "web"}}, "steps": [{"action": "Skip"}]},
        ])),
    ];
    (
        select(&["1m", "45m"][..]),
        select(&["Abort", "Proceed"][..]),
        (any::<bool>(), any::<bool>()),
        option::of(Just("1m")),
        select(&["0s", "30s"][..]),
        rules,
    )
        .prop_map(|(timeout, then, (empty_dir, force), skip, notice, rules)| {
            json!({
                "timeout": timeout,
                "onTimeout": then,
                "deleteEmptyDirData": empty_dir,
                "force": force,
                "skipWaitForDeleteTimeout": skip,
                "excludeFromLoadBalancers": notice,
                "rules": rules,
            })
        })
}

/// Where others hold it up.
pub fn gates() -> impl Strategy<Value = Value> {
    let gate = (any::<bool>(), select(&["Abort", "Proceed"][..])).prop_map(|(by, then)| {
        let mut gate = json!({"name": "storage", "timeout": "1m", "onTimeout": then});
        match by {
            true => gate["condition"] = json!({"type": "StorageReady"}),
            false => gate["annotation"] = json!({"key": "storage", "value": "ready"}),
        }
        gate
    });
    let gates = || prop_oneof![5 => Just(json!([])), 1 => gate.clone().prop_map(|it| json!([it]))];
    (gates(), gates(), gates()).prop_map(|(drain, reboot, uncordon)| {
        json!({"beforeDrain": drain, "beforeReboot": reboot, "beforeUncordon": uncordon})
    })
}

/// What a node must show.
pub fn soak() -> impl Strategy<Value = Value> {
    select(vec![
        json!({"for": "0s", "timeout": "1m"}),
        json!({"for": "1m", "timeout": "2m"}),
        json!({"for": "5m", "timeout": "30m"}),
    ])
}

fn rollout() -> impl Strategy<Value = Value> {
    let signals = prop_oneof![2 => Just(json!([])), 1 => Just(json!(["NetworkStall"]))];
    (0..=1, select(&["0s", "10m"][..]), signals).prop_map(|(canaries, bake, signals)| {
        json!({"canaries": canaries, "bake": bake, "haltOnWorse": {"signals": signals}})
    })
}
