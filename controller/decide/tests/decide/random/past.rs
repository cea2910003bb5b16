//! What was done before: incidents and a ledger that may contradict each other.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::objects::{NODES, POLICIES, REMEDIES};

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

fn time() -> impl Strategy<Value = &'static str> {
    select(&TIMES[..])
}

/// An open incident in any phase.
pub fn incident() -> impl Strategy<Value = Value> {
    let rungs = 1..=REMEDIES.len();
    (
        select(&NODES[..]),
        select(&POLICIES[..]),
        rungs,
        prop_oneof![4 => Just("Policy"), 1 => Just("Manual")],
        option::of(status()),
    )
        .prop_map(|(node, policy, rungs, origin, status)| {
            let ladder = &REMEDIES[..rungs];
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
                spec["trigger"] = json!("slow");
                spec["policy"] = taken_over(ladder);
            }
            json!({"spec": spec, "status": status})
        })
}

/// The policy as it was.
fn taken_over(ladder: &[&str]) -> Value {
    let signal = json!({"name": "MemoryStatReadCPU", "above": "100ms", "clearBelow": "20ms"});
    let remedy = |name| json!({"name": name, "dropCaches": {}, "maxPerNodePer24h": 1});
    json!({
        "uid": "uid",
        "generation": 1,
        "trigger": {"name": "slow", "signal": signal, "remedies": ladder},
        "remedies": ladder.iter().map(remedy).collect::<Vec<_>>(),
        "drain": {},
        "gates": {},
        "soak": {},
        "afterFailure": "KeepCordoned",
    })
}

fn status() -> impl Strategy<Value = Value> {
    let result = option::of(select(&["Skipped", "Failed", "NoEffect"][..]));
    let rung = (select(&REMEDIES[..]), result, time()).prop_map(|(remedy, result, at)| {
        json!({"remedy": remedy, "action": "DropCaches", "startedAt": at, "result": result})
    });
    (
        select(&["Pending", "DroppingCaches", "Verifying", "Draining"][..]),
        vec(rung, 0..4),
        option::of(time()),
        time(),
    )
        .prop_map(|(phase, rungs, deadline, since)| {
            json!({
                "phase": phase,
                "phaseSince": since,
                "phaseDeadline": deadline,
                "rungs": rungs,
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
        select(&["InPlace", "InPlace", "Disruptive"][..]),
        time(),
    );
    let slots = btree_map(select(&NODES[..]), slot, 0..3).prop_map(|slots| {
        let slot = |(node, (remediation, kind, since))| {
            json!({
                "node": node,
                "nodeUID": "first",
                "remediation": remediation,
                "kind": kind,
                "epoch": 7,
                "since": since,
            })
        };
        slots.into_iter().map(slot).collect::<Vec<_>>()
    });
    let used =
        (select(&NODES[..]), select(&REMEDIES[..]), time()).prop_map(|(node, remedy, at)| {
            json!({
                "node": node,
                "action": "DropCaches",
                "remedy": remedy,
                "at": at,
                "until": "2026-03-03T12:00:00Z",
            })
        });
    (until(), until(), slots, vec(used, 0..4)).prop_map(|(pause, storm, slots, history)| {
        json!({
            "spec": {"pause": pause, "allowStorm": storm},
            "status": {"epoch": 7, "slots": slots, "history": history},
        })
    })
}
