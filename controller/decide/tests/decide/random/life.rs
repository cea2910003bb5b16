//! How a cluster begins, and what happens then.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use unstall_crds::units::GoDuration;

use super::objects::{NODES, POLICIES, answer, node, policy};
use super::past::{INCIDENTS, incident, ledger};
use crate::world::{Answer, Step};

type Patches = BTreeMap<String, Value>;

/// A cluster in any state, and what happens to it.
pub fn life() -> impl Strategy<Value = Vec<Step>> {
    let event = prop_oneof![3 => progress(), 1 => upheaval()];
    (start(), vec(event, 1..10)).prop_map(|(start, events)| {
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
            step.remediations.clear();
            step.ledger = None;
        }
        steps
    })
}

/// All nodes, some policies, and what was done to them before.
fn start() -> impl Strategy<Value = Step> {
    let incidents = prop_oneof![
        1 => Just(Patches::new()),
        1 => some(&INCIDENTS, incident(), 3),
    ];
    (
        any::<bool>(),
        some(&POLICIES, policy(), POLICIES.len()),
        vec(node(), NODES.len()),
        incidents,
        prop_oneof![1 => Just(None), 1 => ledger().prop_map(Some)],
    )
        .prop_map(|(fresh, policies, nodes, remediations, ledger)| Step {
            fresh,
            policies,
            nodes: NODES.map(str::to_owned).into_iter().zip(nodes).collect(),
            remediations: numbered(remediations),
            ledger,
            passes: Some(2),
            ..Step::default()
        })
}

/// Time goes by, actuators answer, probes measure again.
fn progress() -> impl Strategy<Value = Step> {
    let cured = json!({
        "state": "Clear", "value": "2ms", "sinceCommand": "2ms", "zombies": 40, "countedAgo": "0s",
    });
    let measured = select(vec![
        json!({}),
        json!({"sinceCommand": "150ms"}),
        json!({"state": "Firing", "value": "150ms", "sinceCommand": null, "zombies": 20_000}),
        cured.clone(),
        cured,
    ]);
    (
        select(&[2, 5, 90, 4000][..]),
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

/// Anything changes, whoever changes it.
fn upheaval() -> impl Strategy<Value = Step> {
    let rarely =
        |patches: BoxedStrategy<Patches>| prop_oneof![4 => Just(Patches::new()), 1 => patches];
    let gone = || Just(Value::Null);
    (
        select(&[0, 2, 240, 2400, 90_000][..]),
        rarely(some(&POLICIES, or_null(policy()), 2)),
        some(&NODES, or_null(node()), 3),
        rarely(some(&NODES, gone(), 2)),
        rarely(some(&INCIDENTS, gone(), 2)),
        prop_oneof![4 => Just(None), 1 => or_null(ledger()).prop_map(Some)],
    )
        .prop_map(
            |(after, policies, nodes, healths, remediations, ledger)| Step {
                after: Some(GoDuration::from_secs(after)),
                policies,
                nodes,
                healths,
                remediations,
                ledger,
                ..Step::default()
            },
        )
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
