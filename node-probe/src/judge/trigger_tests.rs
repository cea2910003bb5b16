//! When triggers fire, clear and do not know.

use std::time::Duration;

use proptest::prelude::*;

use super::corroboration::{Corroboration, Known};
use super::history::{CAPACITY, GAP_MAX};
use super::rule::{Corroborator, Rule};
use super::series::Series;
use super::signal::Signal;
use super::testing::{at, rule};
use super::trigger::{State, Trigger, UnknownReason};
use super::trust::{Distrust, Reading};
use crate::pace::{Mode, Pace};
use crate::time::MonotonicTime;

/// Feeds one value per second, the first at second 1, and judges after each.
fn run(rule: &Rule, values: &[u64]) -> (Trigger, Series) {
    let mut trigger = Trigger::new(rule.clone(), at(0));
    let mut series = Series::default();
    for (second, value) in (1..).zip(values) {
        series.add(at(second), Reading::Trusted(*value));
        trigger.evaluate(at(second), &series, Corroboration::Given);
    }
    (trigger, series)
}

fn held(seconds: u64) -> Rule {
    Rule {
        samples: 1,
        hold: Duration::from_secs(seconds),
        ..rule()
    }
}

#[test]
fn it_fires_when_the_statistic_has_been_above_for_as_long_as_asked() {
    assert_eq!(run(&held(3), &[1, 51, 51, 51]).0.state(), State::Clear);
    let (trigger, _) = run(&held(3), &[1, 51, 51, 51, 51]);
    assert_eq!(trigger.state(), State::Firing);
    assert_eq!(trigger.since(), at(5));
    assert_eq!(trigger.above_since(), Some(at(2)));
    assert_eq!(trigger.value(), Some(51));
}

#[test]
fn a_dip_to_the_limit_starts_the_clock_again() {
    assert_eq!(
        run(&held(3), &[1, 51, 51, 50, 51, 51, 51]).0.state(),
        State::Clear
    );
}

#[test]
fn it_clears_below_the_lower_limit_only() {
    assert_eq!(run(&held(0), &[51, 50, 21, 20]).0.state(), State::Firing);
    let (trigger, _) = run(&held(0), &[51, 50, 21, 20, 19]);
    assert_eq!((trigger.state(), trigger.since()), (State::Clear, at(5)));
    assert_eq!(run(&held(0), &[51, 19, 50]).0.state(), State::Clear);
}

#[test]
fn too_few_samples_are_unknown_whatever_they_say() {
    for values in [&[99, 99][..], &[1, 1]] {
        let (trigger, _) = run(&rule(), values);
        assert_eq!(trigger.state(), State::Unknown);
        assert_eq!(
            trigger.unknown(),
            Some(&UnknownReason::TooFewSamples { have: 2, need: 3 })
        );
    }
    assert_eq!(run(&rule(), &[1, 1, 1]).0.state(), State::Clear);
}

#[test]
fn a_first_value_above_is_unknown_until_it_fires() {
    let (trigger, _) = run(&held(3), &[51, 51]);
    assert_eq!((trigger.state(), trigger.since()), (State::Unknown, at(0)));
    let above_for = Duration::from_secs(1);
    assert_eq!(
        trigger.unknown(),
        Some(&UnknownReason::Pending { above_for })
    );
    assert_eq!(run(&held(3), &[51, 51, 51, 51]).0.state(), State::Firing);
}

#[test]
fn a_signal_that_went_away_is_unknown_and_does_not_stay_firing() {
    let (mut trigger, mut series) = run(&held(0), &[51]);
    series.add(at(2), Reading::Unreadable("gone".into()));
    trigger.evaluate(at(2), &series, Corroboration::Given);
    assert_eq!((trigger.state(), trigger.value()), (State::Unknown, None));
    assert_eq!(trigger.unknown().unwrap().to_string(), "gone");
    let mode = trigger.mode(&series, Pace::default());
    assert_eq!(mode, Mode::Quiet, "it could not give any");
}

#[test]
fn untrusted_samples_change_nothing_until_the_last_trusted_one_is_stale() {
    let (mut trigger, mut series) = run(&held(0), &[51]);
    series.add(at(2), Reading::Untrusted(Distrust::Steal));
    trigger.evaluate(at(2), &series, Corroboration::Given);
    assert_eq!(trigger.state(), State::Firing);
    assert_eq!(series.untrusted().get(&Distrust::Steal), Some(&1));
    trigger.evaluate(at(1).after(GAP_MAX), &series, Corroboration::Given);
    assert_eq!(trigger.state(), State::Firing);
    let late = at(2).after(GAP_MAX);
    trigger.evaluate(late, &series, Corroboration::Given);
    assert_eq!((trigger.state(), trigger.since()), (State::Unknown, late));
}

#[test]
fn a_rule_that_asks_for_more_samples_than_are_kept_says_so() {
    let (trigger, series) = run(
        &Rule {
            samples: CAPACITY + 1,
            ..rule()
        },
        &[1; 200],
    );
    assert_eq!(trigger.state(), State::Unknown);
    assert_eq!(
        trigger.unknown().unwrap().to_string(),
        "the rule asks for 129 samples, the probe keeps 128"
    );
    assert_eq!(
        trigger.mode(&series, Pace::default()),
        Mode::Quiet,
        "more would not help"
    );
}

#[test]
fn samples_are_wanted_while_something_is_undecided() {
    let wants = |rule: &Rule, values: &[u64]| {
        let (trigger, series) = run(rule, values);
        trigger.mode(&series, Pace::default()) == Mode::Fast
    };
    assert!(wants(&rule(), &[1]), "too few");
    assert!(!wants(&rule(), &[1, 1, 1]), "clear");
    assert!(
        wants(&rule(), &[1, 1, 1, 51]),
        "clear, but the last one was slow"
    );
    assert!(wants(&held(9), &[1, 51, 51]), "about to fire");
    assert!(!wants(&rule(), &[51, 51, 51]), "firing");
    assert!(
        wants(&rule(), &[51, 51, 51, 1]),
        "firing, but the last one was fast"
    );
}

#[test]
fn what_takes_its_time_is_waited_for_while_there_is_too_little_and_never_hurried() {
    for signal in Signal::ALL {
        let rule = Rule { signal, ..rule() };
        let undecided = match signal.can_be_hurried() {
            true => Mode::Fast,
            false => Mode::Quiet,
        };
        for (values, expected) in [
            (&[1][..], signal.mode()),
            (&[1, 1, 1, 51], undecided),
            (&[1, 51, 51, 51], undecided),
            (&[51, 51, 51, 1], undecided),
        ] {
            let rule = Rule {
                hold: Duration::from_secs(9),
                ..rule.clone()
            };
            let (trigger, series) = run(&rule, values);
            assert_eq!(
                trigger.mode(&series, Pace::default()),
                expected,
                "{signal}: {values:?}"
            );
        }
        let mut held = Trigger::new(rule.clone(), at(0));
        held.resume(State::Firing, at(0), at(0), Pace::default());
        assert_eq!(
            held.mode(&Series::default(), Pace::default()),
            signal.mode(),
            "{signal}"
        );

        let (mut stale, series) = run(&rule, &[1, 1, 1]);
        stale.evaluate(at(4).after(GAP_MAX), &series, Corroboration::Given);
        assert_eq!(
            stale.mode(&series, Pace::default()),
            signal.mode(),
            "{signal}"
        );
    }
}

#[derive(Clone, Debug)]
enum Step {
    Value(u64),
    Disturbed,
    Gone,
}

fn step() -> impl Strategy<Value = (u64, Step)> {
    let kind = prop_oneof![
        12 => (0..100u64).prop_map(Step::Value),
        6 => (51..100u64).prop_map(Step::Value),
        2 => Just(Step::Disturbed),
        1 => Just(Step::Gone),
    ];
    let delay = prop_oneof![20 => 0..30u64, 1 => 0..2_000u64];
    (delay, kind)
}

proptest! {
    /// The transitions, checked against the rule's own words.
    #[test]
    fn transitions_are_those_of_the_rule(
        steps in prop::collection::vec(step(), 1..80),
        samples in 1..6usize,
        hold in 0..120u64,
    ) {
        let rule = Rule { samples, hold: Duration::from_secs(hold), ..rule() };
        let mut trigger = Trigger::new(rule.clone(), at(0));
        let mut series = Series::default();
        let mut now = 0;
        let mut above_since: Option<MonotonicTime> = None;
        for (delay, step) in steps {
            now += delay;
            series.add(at(now), match step {
                Step::Value(value) => Reading::Trusted(value),
                Step::Disturbed => Reading::Untrusted(Distrust::Steal),
                Step::Gone => Reading::Unreadable("gone".into()),
            });
            let was = (trigger.state(), trigger.since());
            trigger.evaluate(at(now), &series, Corroboration::Given);
            above_since = match trigger.value() {
                Some(value) if value > rule.above => above_since.or(Some(at(now))),
                _ => None,
            };
            let is_ripe = above_since.is_some_and(|since| at(now).since(since) >= rule.hold);
            match (was.0, trigger.state(), trigger.value()) {
                (_, State::Unknown, value) => prop_assert!(value.is_none() || !is_ripe),
                (_, _, None) => prop_assert!(false, "a state without a value"),
                (State::Firing, State::Clear, Some(value)) => {
                    prop_assert!(value < rule.clear_below);
                }
                (State::Firing, State::Firing, Some(value)) => {
                    prop_assert!(value >= rule.clear_below);
                }
                (_, State::Firing, _) => prop_assert!(is_ripe),
                (_, State::Clear, _) => prop_assert!(!is_ripe),
            }
            let changed = was.0 != trigger.state();
            prop_assert_eq!(trigger.since(), if changed { at(now) } else { was.1 });
            prop_assert_eq!(trigger.state() == State::Unknown, trigger.unknown().is_some());
        }
    }

    /// Between the limits a trigger keeps the state that it has.
    #[test]
    fn nothing_flaps_between_the_limits(values in prop::collection::vec(20..=50u64, 1..40)) {
        for (first, state) in [(51, State::Firing), (19, State::Clear)] {
            let mut all = vec![first];
            all.extend(&values);
            let (trigger, _) = run(&held(0), &all);
            prop_assert_eq!((trigger.state(), trigger.since()), (state, at(1)));
        }
    }
}

/// Above the limit at each second, with what others say to it.
fn corroborated(said: &[Corroboration]) -> Trigger {
    waiting(said).0
}

/// The same, and whether it wants more samples.
fn waiting(said: &[Corroboration]) -> (Trigger, bool) {
    let others = Corroborator {
        name: "SoftirqDelay".to_owned(),
        signal: Some(Signal::SoftirqDelay),
        elevated: 20,
    };
    let rule = Rule {
        corroborated_by: vec![others],
        ..held(1)
    };
    let mut trigger = Trigger::new(rule, at(0));
    let mut series = Series::default();
    for (second, others) in (1..).zip(said) {
        series.add(at(second), Reading::Trusted(51));
        trigger.evaluate(at(second), &series, *others);
    }
    let wanted = trigger.mode(&series, Pace::default()) == Mode::Fast;
    (trigger, wanted)
}

#[test]
fn what_others_do_not_bear_out_hurries_nothing_once_it_is_ripe() {
    let denied = Corroboration::Denied(Known::default());
    for others in [denied, Corroboration::Unknown] {
        assert!(waiting(&[others]).1, "not for long enough: {others:?}");
        assert!(!waiting(&[others, others]).1, "{others:?}");
    }
}

#[test]
fn it_fires_only_when_others_bear_it_out_and_goes_on_without_them() {
    let mut quiet: [Series; Signal::ALL.len()] = Default::default();
    quiet[Signal::SoftirqDelay.index()].add(at(1), Reading::Trusted(0));
    let denied = Corroboration::of(corroborated(&[]).rule(), &quiet, at(1));
    let trigger = corroborated(&[denied, denied, denied]);
    assert_eq!(trigger.state(), State::Clear);
    let why = "above the limit, but not borne out by SoftirqDelay";
    assert_eq!(trigger.note(), Some(why));
    let trigger = corroborated(&[denied, denied, Corroboration::Given]);
    assert_eq!((trigger.state(), trigger.note()), (State::Firing, None));
    let trigger = corroborated(&[denied, Corroboration::Given, denied]);
    assert_eq!((trigger.state(), trigger.since()), (State::Firing, at(2)));
}

#[test]
fn where_others_cannot_be_told_it_is_unknown() {
    let trigger = corroborated(&[Corroboration::Unknown, Corroboration::Unknown]);
    assert_eq!(trigger.state(), State::Unknown);
    let why = "above the limit, but SoftirqDelay cannot be told".into();
    assert_eq!(trigger.unknown(), Some(&UnknownReason::Uncorroborated(why)));
}

#[test]
fn a_rule_that_does_not_count_here_is_clear_and_says_why() {
    let rule = Rule {
        not_here: Some("only on kernels below 5.2".to_owned()),
        ..held(0)
    };
    let (trigger, series) = run(&rule, &[51, 51, 51]);
    assert_eq!(trigger.state(), State::Clear);
    assert_eq!(trigger.note(), Some("only on kernels below 5.2"));
    assert_eq!(trigger.value(), None);
    assert_eq!(trigger.mode(&series, Pace::default()), Mode::Quiet);
}

/// A trigger that an earlier run had put into `state` at second 5, at second 60.
fn resumed(state: State) -> (Trigger, Series) {
    let mut trigger = Trigger::new(rule(), at(60));
    trigger.resume(state, at(5), at(60), Pace::default());
    (trigger, Series::default())
}

#[test]
fn what_an_earlier_run_said_holds_until_there_are_samples() {
    let (mut trigger, mut series) = resumed(State::Firing);
    for (second, value) in [(61, 40), (62, 40)] {
        series.add(at(second), Reading::Trusted(value));
        trigger.evaluate(at(second), &series, Corroboration::Given);
        assert_eq!((trigger.state(), trigger.since()), (State::Firing, at(5)));
        assert!(trigger.is_held());
        assert_eq!(trigger.mode(&series, Pace::default()), Mode::Fast);
    }
    series.add(at(63), Reading::Trusted(40));
    trigger.evaluate(at(63), &series, Corroboration::Given);
    // Between its limits it goes on firing, as it would have without a restart.
    assert_eq!((trigger.state(), trigger.since()), (State::Firing, at(5)));
    assert!(!trigger.is_held());
    let (mut trigger, _) = resumed(State::Clear);
    trigger.evaluate(at(61), &Series::default(), Corroboration::Given);
    assert_eq!((trigger.state(), trigger.since()), (State::Clear, at(5)));
}

/// A held state of what has a window, then three samples of `value`: what it says for
/// want of samples, and afterwards.
fn held_window(state: State, value: u64) -> (Vec<Option<String>>, Trigger, Series) {
    let rule = Rule {
        signal: Signal::SoftirqDelay,
        hold: Duration::from_secs(3_600),
        ..rule()
    };
    let mut trigger = Trigger::new(rule, at(60));
    trigger.resume(state, at(5), at(60), Pace::default());
    let mut series = Series::default();
    let said = [61, 62, 63].map(|second| {
        series.add(at(second), Reading::Trusted(value));
        trigger.evaluate(at(second), &series, Corroboration::Given);
        trigger.unknown().map(ToString::to_string)
    });
    (said.to_vec(), trigger, series)
}

#[test]
fn a_held_state_that_stands_lacks_nothing_once_there_are_samples() {
    // Between the limits, and above them for less long than asked.
    for (state, value) in [(State::Firing, 40), (State::Clear, 51)] {
        let (said, trigger, series) = held_window(state, value);
        let few = |have| Some(format!("{have} of the 3 samples that the rule asks for"));
        assert_eq!(said, [few(1), few(2), None], "{state:?}");
        assert_eq!((trigger.state(), trigger.since()), (state, at(5)));
        assert_eq!(trigger.value(), Some(value));
        assert_eq!(trigger.mode(&series, Pace::default()), Mode::Quiet);
    }
}

#[test]
fn samples_that_do_not_come_are_waited_for_no_longer_than_they_take() {
    let rule = Rule {
        signal: Signal::SoftirqDelay,
        ..rule()
    };
    let mut trigger = Trigger::new(rule, at(0));
    let mut series = Series::default();
    let mut mode = |second, value: Option<u64>| {
        if let Some(value) = value {
            series.add(at(second), Reading::Trusted(value));
        }
        trigger.evaluate(at(second), &series, Corroboration::Given);
        trigger.mode(&series, Pace::default())
    };
    // A quarter of an hour, and three windows.
    let most = GAP_MAX.as_secs() + 3 * 66;
    assert_eq!(mode(most - 1, None), Mode::Windows);
    assert_eq!(mode(most, None), Mode::Quiet);
    assert_eq!(mode(9_000, Some(1)), Mode::Quiet, "it still lacks some");
    for second in [9_001, 9_002] {
        assert_eq!(mode(second, Some(1)), Mode::Quiet);
    }
    let stale = 9_003 + GAP_MAX.as_secs();
    assert_eq!(mode(stale, None), Mode::Windows, "it had enough");
    assert_eq!(mode(stale + most, None), Mode::Quiet);
}

#[test]
fn what_takes_its_time_holds_until_it_can_have_come() {
    let slow = Rule {
        signal: Signal::ZombieMemcgGrowth,
        samples: 10,
        ..rule()
    };
    // A quarter of an hour, and ten windows: 30 s and the longest delay, or the pause
    // after a dear cycle.
    for (interval, held) in [(600, 1_560), (60, 1_560), (10, 1_500)] {
        let pace = Pace {
            quiet: Duration::from_secs(interval),
            ..Pace::default()
        };
        let mut trigger = Trigger::new(slow.clone(), at(0));
        trigger.resume(State::Firing, at(0), at(0), pace);
        trigger.evaluate(at(held - 1), &Series::default(), Corroboration::Given);
        assert_eq!(trigger.state(), State::Firing, "{interval} s");
        trigger.evaluate(at(held), &Series::default(), Corroboration::Given);
        assert_eq!(trigger.state(), State::Unknown, "{interval} s");
    }
}

#[test]
fn what_an_earlier_run_said_does_not_hold_for_ever_nor_against_a_reason() {
    let (mut trigger, series) = resumed(State::Firing);
    let late = at(60).after(GAP_MAX);
    trigger.evaluate(late, &series, Corroboration::Given);
    assert_eq!((trigger.state(), trigger.since()), (State::Unknown, late));
    let (mut trigger, mut series) = resumed(State::Firing);
    series.add(at(61), Reading::Unreadable("gone".into()));
    trigger.evaluate(at(61), &series, Corroboration::Given);
    assert_eq!(trigger.state(), State::Unknown);
    let (trigger, _) = resumed(State::Unknown);
    assert_eq!(
        (trigger.state(), trigger.is_held()),
        (State::Unknown, false)
    );
}
