//! What holds in random clusters, whatever happens to them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use unstall_crds::names::node_condition::KERNEL_STALL;
use unstall_crds::remediation::Outcome;
use unstall_decide::{Action, Plan, decide};

use crate::random::{life, observed_life};
use crate::rules;
use crate::world::{Step, World, kind};

/// So many passes at one moment are enough for anything: a ladder of three,
/// each rung with its slot, its record and its end.
const PASSES_MAX: usize = 40;

/// Lets `step` happen; answers to commands that nobody gave are left out.
fn happen(world: &mut World, step: &Step) -> Result<(), TestCaseError> {
    let mut step = step.clone();
    let healths = &world.snapshot.healths;
    step.answers.retain(|node, _| {
        let health = healths
            .get(node)
            .filter(|_| !step.healths.contains_key(node));
        health.is_some_and(|health| health.spec.command.is_some())
    });
    world.happen(&step).map_err(TestCaseError::fail)
}

/// One pass, with all that must hold of it.
fn pass(world: &mut World) -> Result<Plan, TestCaseError> {
    let seen = world.seen(&[], &[]);
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
            check(&pass(&mut world)?)?;
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

proptest! {
    #![proptest_config(Config::with_cases(200))]

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
            left = pass(&mut world)?.actions;
            if left.is_empty() && world.snapshot.policies == before {
                return Ok(());
            }
            happen(&mut world, &Step::default())?;
        }
        prop_assert!(false, "still planned after {PASSES_MAX} passes: {left:#?}");
    }
}

#[test]
fn random_lives_see_every_action_and_every_outcome() {
    let mut runner = TestRunner::deterministic();
    let mut actions = BTreeMap::new();
    let mut outcomes = BTreeMap::new();
    for _ in 0..300 {
        let steps = life().new_tree(&mut runner).unwrap().current();
        play(&steps, |plan| {
            for action in &plan.actions {
                *actions.entry(kind(action)).or_insert(0) += 1;
                if let Action::SetStatus { status, .. } = action {
                    *outcomes.entry(status.outcome).or_insert(0) += 1;
                }
            }
            Ok(())
        })
        .unwrap();
    }
    println!("{actions:?} {outcomes:?}");
    assert_eq!(actions.len(), 9, "{actions:?}");
    for outcome in [
        Outcome::Fixed,
        Outcome::NotFixed,
        Outcome::Failed,
        Outcome::Superseded,
        Outcome::Aborted,
    ] {
        assert!(
            outcomes.contains_key(&Some(outcome)),
            "no {outcome}: {outcomes:?}"
        );
    }
}
