//! What was done before: incidents and a ledger that may contradict each other.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::nodes::NODES;
use super::objects::{KERNEL, POLICIES, REMEDIES, action, block, drain, gates, soak};

/// Names of incidents.
pub const INCIDENTS: [&str; 4] = ["n1-1", "n2-1", "n2-2", "by-hand"];
/// Times around the begin of a world.
const TIMES: [&str; 6] = [
    "2026-03-01T11:00:00Z",
    "2026-03-02T11:00:00Z",
    "2026-03-02T11:59:00Z",
    "2026-03-02T12:00:00Z",
    "2026-03-02T12:05:00Z",
    "2026-03-02T18:00:00Z",
];
const PHASES: [&str; 12] = [
    "Pending",
    "DroppingCaches",
    "Verifying",
    "Cordoning",
    "Draining",
    "Rebooting",
    "Proving",
    "Soaking",
    "Uncordoning",
    "Holding",
    "HandedOver",
    "Ended",
];

fn time() -> impl Strategy<Value = &'static str> {
    select(&TIMES[..])
}

/// An incident in any phase.
pub fn incident() -> impl Strategy<Value = Value> {
    (
        select(&NODES[..]),
        select(&POLICIES[..]),
        subsequence(&REMEDIES[..], 1..=3),
        prop_oneof![2 => Just("Policy"), 1 => Just("Manual")],
        option::of(status()),
        (drain(), gates(), soak()),
        select(&["KeepCordoned", "Uncordon"][..]),
    )
        .prop_map(|(node, policy, ladder, origin, status, path, after)| {
            let mut spec = json!({
                "origin": origin,
                "nodeName": node,
                "remedies": ladder,
            });
            if origin == "Manual" {
                spec["reason"] = json!("looks slow");
            } else {
                spec["nodeUID"] = json!("first");
                spec["policyName"] = json!(policy);
                spec["trigger"] = json!(trigger(&ladder)["name"]);
                spec["policy"] = taken_over(&ladder, path, after);
            }
            json!({"spec": spec, "status": status})
        })
}

/// What opened an incident with such a ladder.
fn trigger(ladder: &[&str]) -> Value {
    let signal = json!({"name": "MemoryStatReadCPU", "above": "100ms", "clearBelow": "20ms"});
    match ladder {
        ["reboot", ..] => {
            json!({"name": "new", "kernel": {"atLeast": KERNEL}, "remedies": ladder})
        }
        ["hold", ..] => {
            let condition = json!({"type": "ReadonlyFilesystem", "for": "1s"});
            json!({"name": "ro", "condition": condition, "remedies": ladder})
        }
        _ => json!({"name": "slow", "signal": signal, "remedies": ladder}),
    }
}

/// The policy as it was.
fn taken_over(ladder: &[&str], (drain, gates, soak): (Value, Value, Value), after: &str) -> Value {
    let remedy = |name: &&str| {
        let mut remedy = block(name);
        remedy["name"] = json!(name);
        remedy["maxPerNodePer24h"] = json!(2);
        remedy
    };
    json!({
        "uid": "uid",
        "generation": 1,
        "trigger": trigger(ladder),
        "remedies": ladder.iter().map(remedy).collect::<Vec<_>>(),
        "drain": drain,
        "gates": gates,
        "soak": soak,
        "afterFailure": after,
    })
}

fn status() -> impl Strategy<Value = Value> {
    let result = option::of(select(&["Skipped", "Failed", "NoEffect"][..]));
    let rung = (select(&REMEDIES[..]), result, time()).prop_map(|(remedy, result, at)| {
        json!({"remedy": remedy, "action": action(remedy), "startedAt": at, "result": result})
    });
    let boot = json!({"boot": {"bootIDBefore": "boot-of-n1"}});
    let outcome = select(&["Fixed", "NotFixed", "Failed", "Aborted"][..]);
    (
        select(&PHASES[..]),
        vec(rung, 0..4),
        option::of(time()),
        time(),
        option::of(Just(boot)),
        option::of(select(&["Fixed", "Aborted"][..])),
        option::of(outcome),
    )
        .prop_map(|(phase, rungs, deadline, since, proof, ending, outcome)| {
            let outcome = outcome.filter(|_| phase == "Ended");
            json!({
                "phase": phase,
                "phaseSince": since,
                "phaseDeadline": deadline,
                "rungs": rungs,
                "proof": proof,
                "ending": ending,
                "outcome": outcome,
                "completedAt": outcome.map(|_| since),
            })
        })
}

/// A patch of the ledger, with slots of incidents that may not exist.
pub fn ledger() -> impl Strategy<Value = Value> {
    let until = || {
        let until = time().prop_map(|time| json!({"until": time, "reason": "why"}));
        option::weighted(0.2, until)
    };
    let slot = (
        select(&INCIDENTS[..]),
        select(&["InPlace", "Disruptive"][..]),
        time(),
    );
    let slots = btree_map(select(&NODES[..]), slot, 0..3).prop_map(|slots| {
        let slot = |(node, (remediation, kind, since))| {
            let mut slot = json!({
                "node": node,
                "nodeUID": "first",
                "remediation": remediation,
                "kind": kind,
                "epoch": 7,
                "since": since,
            });
            if kind == "Disruptive" {
                slot["bootID"] = json!(format!("boot-of-{node}"));
            }
            slot
        };
        slots.into_iter().map(slot).collect::<Vec<_>>()
    });
    let used =
        (select(&NODES[..]), select(&REMEDIES[..]), time()).prop_map(|(node, remedy, at)| {
            json!({
                "node": node,
                "action": action(remedy),
                "remedy": remedy,
                "at": at,
                "until": "2026-03-03T12:00:00Z",
            })
        });
    (until(), until(), words(), slots, vec(used, 0..4)).prop_map(
        |(pause, storm, words, slots, history)| {
            let mut spec = words;
            spec["pause"] = json!(pause);
            spec["allowStorm"] = json!(storm);
            json!({
                "spec": spec,
                "status": {"epoch": 7, "slots": slots, "history": history},
            })
        },
    )
}

/// What humans write into the ledger.
pub fn words() -> impl Strategy<Value = Value> {
    let resumed = option::of(time()).prop_map(|time| {
        let resumed = |time| json!({"policy": "a", "trigger": "new", "haltedBefore": time});
        time.into_iter().map(resumed).collect::<Vec<_>>()
    });
    let approved = subsequence(vec!["n1-1", "n1-2", "n2-1", "ghost-1"], 0..=2);
    (subsequence(&NODES[..], 0..=1), approved, resumed).prop_map(|(release, approve, resumed)| {
        json!({"release": release, "approve": approve, "resumeRollouts": resumed})
    })
}
