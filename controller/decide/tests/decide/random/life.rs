//! How a cluster begins, and what happens then.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use unstall_crds::units::GoDuration;

use super::nodes::{NODES, OBEYED, answer, budgets, evictions, node, pods, sick};
use super::objects::{POLICIES, policy};
use super::past::{INCIDENTS, incident, ledger, words};
use crate::world::{Answer, Step};

type Patches = BTreeMap<String, Value>;

/// A cluster in any state, and what happens to it: restless ones see many things,
/// calm ones come to the end of a remedy.
pub fn life() -> impl Strategy<Value = Vec<Step>> {
    let restless = prop_oneof![3 => progress(), 1 => upheaval()];
    let calm = prop_oneof![16 => calm(), 1 => progress(), 1 => upheaval()];
    let restless = (start(node().boxed()), vec(restless, 1..10));
    let calm = (start(sick().boxed()).prop_map(eager), vec(calm, 10..24));
    prop_oneof![restless, calm].prop_map(|(start, events)| {
        let mut steps = vec![start];
        steps.extend(events);
        steps
    })
}

/// The same of a cluster in which every policy observes and nothing was ever
/// done.
pub fn observed_life() -> impl Strategy<Value = Vec<Step>> {
    life().prop_map(|mut steps| {
        for step in &mut steps {
            for patch in step.policies.values_mut().filter(|p| !p.is_null()) {
                patch["mode"] = json!("Observe");
            }
            for node in step.nodes.values_mut() {
                if let Some(annotations) = node.get_mut("annotations") {
                    annotations["unstall.dev/cordoned-by"] = Value::Null;
                }
            }
            step.remediations.clear();
            step.ledger = None;
        }
        steps
    })
}

/// A cluster in which little stands in the way of a remedy, and every node has
/// pods.
fn eager(mut step: Step) -> Step {
    for policy in step.policies.values_mut() {
        policy["mode"] = json!("Enforce");
        policy["suspend"] = json!(false);
        policy["nodeSelector"] = json!({"matchLabels": {"kubernetes.io/os": "linux"}});
        for (field, value) in [
            ("stopWhenUnhealthy", json!("100%")),
            ("cooldownPerNode", json!("0s")),
            ("pauseBetween", json!("0s")),
            ("windows", json!({})),
            ("maxUnavailable", json!(2)),
        ] {
            policy["disruption"][field] = value;
        }
    }
    for node in NODES {
        let pods = step.pods.entry(node.to_owned()).or_default();
        for kind in ["web", "api"] {
            pods.insert(format!("{kind}-{node}"), json!({}));
        }
    }
    step.ledger = None;
    step
}

/// All nodes, some policies, and what was done to them before.
fn start(node: BoxedStrategy<Value>) -> impl Strategy<Value = Step> {
    let incidents = prop_oneof![
        2 => Just(Patches::new()),
        1 => some(&INCIDENTS, incident(), 3),
    ];
    (
        any::<bool>(),
        some(&POLICIES, policy(), POLICIES.len()),
        vec(node, NODES.len()),
        incidents,
        prop_oneof![2 => Just(None), 1 => ledger().prop_map(Some)],
        (pods(), budgets(), bounds()),
    )
        .prop_map(
            |(fresh, policies, nodes, remediations, ledger, (pods, budgets, bounds))| Step {
                fresh,
                policies,
                nodes: NODES.map(str::to_owned).into_iter().zip(nodes).collect(),
                remediations: numbered(remediations),
                ledger,
                pods,
                budgets,
                passes: Some(2),
                ..bounds
            },
        )
}

/// Few records are kept, few pods leave at once, few nodes are looked at.
fn bounds() -> impl Strategy<Value = Step> {
    let limits = select(vec![
        json!({}),
        json!({}),
        json!({"limits": {"records": 0}}),
        json!({"limits": {"recordAge": "5m", "evictionsPerNode": 1}}),
        json!({"limits": {"podNodes": 1}}),
    ]);
    limits.prop_map(|limits| serde_json::from_value(limits).unwrap())
}

/// What a cure looks like.
fn cured() -> Value {
    json!({
        "state": "Clear", "value": "2ms", "sinceCommand": "2ms", "zombies": 40, "countedAgo": "0s",
        "kernel": "6.1.0-40", "rebootRequired": false, "ready": true, "probe": "Reports",
        "conditions": {"ReadonlyFilesystem": "False", "StorageReady": "True"},
        "annotations": {"storage": "ready"},
    })
}

/// The same after a reboot, if one was ordered.
fn rebooted(mut facts: Value) -> Value {
    facts["boot"] = json!(OBEYED);
    facts
}

/// Time goes by, actuators obey and answer, probes measure again, others open
/// their gates.
fn progress() -> impl Strategy<Value = Step> {
    let measured = select(vec![
        json!({}),
        json!({"sinceCommand": "150ms"}),
        rebooted(json!({"ready": false})),
        json!({"state": "Firing", "value": "150ms", "sinceCommand": null, "zombies": 20_000}),
        cured(),
        rebooted(cured()),
    ]);
    (
        select(&[2, 5, 40, 90, 400, 4000][..]),
        1..=3_u8,
        some(&NODES, measured, NODES.len()),
        some(&NODES, answer(), 2 * NODES.len()),
    )
        .prop_map(|(after, passes, nodes, answers)| Step {
            after: Some(GoDuration::from_secs(after)),
            passes: Some(passes),
            nodes,
            answers: read(answers),
            ..Step::default()
        })
}

/// The same where most goes well.
fn calm() -> impl Strategy<Value = Step> {
    let one = |facts: Value| BTreeMap::from([("n[1-4]".to_owned(), facts)]);
    let all = prop_oneof![
        8 => Just(rebooted(cured())).prop_map(one),
        3 => Just(json!({"state": "Firing", "kernel": "6.1.0-39"})).prop_map(one),
        2 => Just(rebooted(json!({"ready": false}))).prop_map(one),
        1 => Just(rebooted(json!({}))).prop_map(one),
        1 => Just(json!({"ready": true})).prop_map(one),
        2 => some(&NODES, Just(cured()), 1),
        2 => some(&NODES, Just(json!({"state": "Firing", "value": "150ms"})), 1),
        1 => some(&NODES, node(), 1),
    ];
    (
        select(&[2, 2, 5, 31, 61, 90, 400][..]),
        1..=3_u8,
        all,
        some(&NODES, answer(), 1),
    )
        .prop_map(|(after, passes, nodes, answers)| Step {
            after: Some(GoDuration::from_secs(after)),
            passes: Some(passes),
            nodes: each(nodes),
            answers: read(answers),
            ..Step::default()
        })
}

/// One patch for each node, so that what happens to one is its own.
fn each(nodes: Patches) -> Patches {
    match nodes.get("n[1-4]") {
        Some(facts) => NODES.map(|node| (node.to_owned(), facts.clone())).into(),
        None => nodes,
    }
}

/// Anything changes, whoever changes it.
fn upheaval() -> impl Strategy<Value = Step> {
    let rarely =
        |patches: BoxedStrategy<Patches>| prop_oneof![4 => Just(Patches::new()), 1 => patches];
    let gone = || Just(Value::Null);
    let humans = prop_oneof![
        4 => Just(None),
        1 => or_null(ledger()).prop_map(Some),
        2 => words().prop_map(|words| Some(json!({"spec": words}))),
    ];
    let incidents = or_null(incident());
    (
        select(&[0, 2, 240, 2400, 90_000][..]),
        rarely(some(&POLICIES, or_null(policy()), 2)),
        some(&NODES, or_null(node()), 3),
        rarely(some(&NODES, gone(), 2)),
        rarely(some(&INCIDENTS, incidents, 2)),
        humans,
        around(),
    )
        .prop_map(
            |(after, policies, nodes, healths, remediations, ledger, around)| Step {
                after: Some(GoDuration::from_secs(after)),
                policies,
                nodes,
                healths,
                remediations: numbered(remediations),
                ledger,
                ..around
            },
        )
}

/// What changes around the nodes.
fn around() -> impl Strategy<Value = Step> {
    let attached = json!({"n1": ["csi-1"]});
    let attached = select(vec![json!({}), attached, json!({"n1": [], "n2": []})]);
    let unplaced = select(vec![
        json!({}),
        json!({"web-x": "ReplicaSet/web"}),
        json!({"web-x": null}),
    ]);
    let alerts = select(vec![
        json!(null),
        json!({"unknown": {"why": "timeout"}}),
        json!({"firing": []}),
    ]);
    let replica = |node| json!({"pod": "unstall-1", "node": node, "ready": true});
    let replicas = select(vec![
        json!(null),
        json!([replica("n1")]),
        json!([replica("n1"), replica("n1")]),
        json!([replica("n1"), replica("n2")]),
    ]);
    let templates = select(vec![json!(null), json!(true), json!(false)]);
    let unread = select(vec![
        json!([]),
        json!([]),
        json!(["pods"]),
        json!(["attachments", "unplaced", "others"]),
        json!(["replicas"]),
    ]);
    let interrupted = select(vec![json!(null), json!(null), json!("watches are cut off")]);
    let broken =
        json!([{"kind": "NodeHealthPolicy", "name": "broken", "why": "spec.triggers is no list"}]);
    let unreadable = select(vec![json!(null), json!([]), json!([]), broken]);
    (
        (pods(), budgets(), evictions()),
        (attached, unplaced),
        (alerts, replicas, templates, unread),
        (interrupted, unreadable),
    )
        .prop_map(|(pods, places, rest, blind)| {
            let ((pods, budgets, evictions), (attachments, unplaced)) = (pods, places);
            let (alerts, replicas, templates, unread) = rest;
            let (interrupted, unreadable) = blind;
            let step = json!({
                "evictions": evictions,
                "attachments": attachments,
                "unplaced": unplaced,
                "alerts": alerts,
                "replicas": replicas,
                "templates": templates,
                "unread": unread,
                "interrupted": interrupted,
                "unreadable": unreadable,
            });
            Step {
                pods,
                budgets,
                ..serde_json::from_value(step).unwrap()
            }
        })
}

/// Up to `most` of the `names`, each with a value.
fn some(
    names: &'static [&'static str],
    values: impl Strategy<Value = Value> + 'static,
    most: usize,
) -> BoxedStrategy<Patches> {
    let names = select(names).prop_map(str::to_owned);
    btree_map(names, values, 0..=most).boxed()
}

fn or_null(values: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop_oneof![8 => values, 1 => Just(Value::Null)]
}

fn read(answers: Patches) -> BTreeMap<String, Answer> {
    let answers = answers.into_iter();
    answers
        .map(|(name, answer)| (name, serde_json::from_value(answer).unwrap()))
        .collect()
}

/// Gives every rung of the incidents the id of its command.
fn numbered(mut incidents: Patches) -> Patches {
    for (name, incident) in &mut incidents {
        let rungs = incident.pointer_mut("/status/rungs");
        let rungs = rungs.and_then(Value::as_array_mut).into_iter().flatten();
        for (number, rung) in (1..).zip(rungs) {
            rung["commandID"] = json!(format!("{name}-{number}"));
        }
    }
    incidents
}
