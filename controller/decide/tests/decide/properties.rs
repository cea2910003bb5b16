//! What holds in random clusters, whatever happens to them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::json;
use unstall_crds::command::{CommandAction, CommandPayload};
use unstall_crds::names::node_condition::KERNEL_STALL;
use unstall_crds::remediation::{Outcome, Phase};
use unstall_decide::{Action, Plan, decide};

use crate::random::{OBEYED, life, observed_life};
use crate::rules;
use crate::world::{Step, Unread, World, kind};

/// So many passes at one moment are enough for anything: a ladder of three,
/// each rung with its slot, its record and its end.
const PASSES_MAX: usize = 40;
/// Random lives for each property; `PROPTEST_CASES` asks for more.
const CASES: u32 = 120;
/// Random lives that must show everything.
const LIVES: u32 = 400;
/// The kinds of actions.
const KINDS: usize = 18;

/// Lets `step` happen; answers to commands that nobody gave are left out, and so
/// are boots that nobody ordered where they are said to be.
fn happen(world: &mut World, step: &Step) -> Result<(), TestCaseError> {
    let mut step = step.clone();
    let healths = &world.snapshot.healths;
    let ordered = |node: &str| {
        let health = healths.get(node)?;
        let command = health.spec.command.as_ref()?;
        CommandPayload::parse(&command.payload).ok()
    };
    step.answers.retain(|node, _| {
        let is_there = !step.healths.contains_key(node);
        is_there && ordered(node).is_some()
    });
    for (node, patch) in &mut step.nodes {
        let obeys = patch.get("boot") == Some(&json!(OBEYED));
        let Some(fields) = patch.as_object_mut().filter(|_| obeys) else {
            continue;
        };
        let order = ordered(node).filter(|order| order.action == CommandAction::Reboot);
        match order {
            Some(order) => {
                fields.insert("boot".to_owned(), json!(order.id));
            }
            None => fields.clear(),
        }
    }
    world.happen(&step).map_err(TestCaseError::fail)
}

/// One pass, with all that must hold of it.
fn pass(world: &mut World, unread: &[Unread]) -> Result<Plan, TestCaseError> {
    let seen = world.seen(&[], unread);
    let plan = decide(&seen);
    prop_assert_eq!(&plan, &decide(&seen.clone()));
    let broken = rules::broken(&seen, &plan);
    prop_assert!(broken.is_empty(), "{}", broken.join("\n"));
    let refused = world.pass(&seen, plan.clone(), None);
    prop_assert_eq!(refused, Vec::<String>::new());
    Ok(plan)
}

/// Plays all steps; `check` sees every plan.
fn play(
    steps: &[Step],
    mut check: impl FnMut(&Plan) -> Result<(), TestCaseError>,
) -> Result<World, TestCaseError> {
    let mut world = World::new();
    for (number, step) in steps.iter().enumerate() {
        happen(&mut world, step)?;
        if number == 0 && !step.fresh {
            world.settle();
        }
        for _ in 0..step.passes.unwrap_or(1) {
            check(&pass(&mut world, &step.unread)?)?;
        }
    }
    Ok(world)
}

fn is_about_health(action: &Action) -> bool {
    match action {
        Action::CreateHealth(_) | Action::DeleteHealth { .. } | Action::SetTriggers { .. } => true,
        Action::SetConditions { set, remove, .. } => {
            let types = set.iter().map(|it| &it.type_).chain(remove);
            types.into_iter().all(|type_| type_ == KERNEL_STALL)
        }
        _ => false,
    }
}

fn config() -> Config {
    let asked = std::env::var("PROPTEST_CASES").ok();
    let cases = asked.and_then(|cases| cases.parse().ok());
    Config::with_cases(cases.unwrap_or(CASES))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_plan_keeps_the_rules_and_is_carried_out(steps in life()) {
        play(&steps, |_| Ok(()))?;
    }

    #[test]
    fn observing_changes_nothing_but_what_is_measured(steps in observed_life()) {
        play(&steps, |plan| {
            let other = plan.actions.iter().find(|action| !is_about_health(action));
            prop_assert_eq!(other, None);
            Ok(())
        })?;
    }

    #[test]
    fn while_nothing_happens_passes_come_to_an_end(steps in life()) {
        let mut world = play(&steps, |_| Ok(()))?;
        let mut left = Vec::new();
        for _ in 0..PASSES_MAX {
            let before = world.snapshot.policies.clone();
            let plan = pass(&mut world, &[])?;
            left = plan.actions;
            if left.is_empty() && plan.events.is_empty() && world.snapshot.policies == before {
                return Ok(());
            }
            happen(&mut world, &Step::default())?;
        }
        prop_assert!(false, "still planned after {PASSES_MAX} passes: {left:#?}");
    }
}

#[test]
fn random_lives_see_every_action_phase_and_outcome() {
    let mut runner = TestRunner::deterministic();
    let mut actions = BTreeMap::new();
    let mut phases = BTreeMap::new();
    let mut outcomes = BTreeMap::new();
    for _ in 0..LIVES {
        let steps = life().new_tree(&mut runner).unwrap().current();
        play(&steps, |plan| {
            for action in &plan.actions {
                *actions.entry(kind(action)).or_insert(0) += 1;
                if let Action::SetStatus { status, .. } = action {
                    *phases.entry(status.phase.as_str()).or_insert(0) += 1;
                    let outcome = status.outcome.map_or("none", Outcome::as_str);
                    *outcomes.entry(outcome).or_insert(0) += 1;
                }
            }
            Ok(())
        })
        .unwrap();
    }
    println!("{actions:?} {phases:?} {outcomes:?}");
    assert_eq!(actions.len(), KINDS, "{actions:?}");
    let phase = Phase::ALL.iter().map(|phase| phase.as_str());
    let outcome = Outcome::ALL.iter().map(|outcome| outcome.as_str());
    let unseen: Vec<_> = phase
        .filter(|phase| !phases.contains_key(phase))
        .chain(outcome.filter(|outcome| !outcomes.contains_key(outcome)))
        .collect();
    assert!(unseen.is_empty(), "no {unseen:?}: {phases:?} {outcomes:?}");
}
