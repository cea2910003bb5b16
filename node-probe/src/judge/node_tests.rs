//! One node's judge, from observations to triggers and verdict.

use std::time::Duration;

use super::history::GAP_MAX;
use super::node::Judge;
use super::proof::Proof;
use super::rule::Rule;
use super::signal::{Signal, Statistic};
use super::testing::{at, observation, rule};
use super::trigger::State;
use super::verdict::{Level, Thresholds};
use crate::pace::{DEAR_CYCLE, Mode, Pace};
use crate::sample::{SampleError, WINDOW, ZombieCount};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Fires above 50 ms by the median of 3 reads, clears below 20 ms.
fn slow_reads() -> Rule {
    Rule {
        above: 50_000_000,
        clear_below: 20_000_000,
        ..rule()
    }
}

fn judge_of(rules: Vec<Rule>, reads: &[u64]) -> Judge {
    let mut judge = Judge::default();
    judge.set_rules(rules, at(0));
    for (second, read) in (1..).zip(reads) {
        judge.observe(&observation(second, MS(*read)));
    }
    judge
}

#[test]
fn each_trigger_judges_its_own_signal() {
    let zombies = Rule {
        name: "zombies".to_owned(),
        signal: Signal::ZombieMemcgs,
        statistic: Statistic::Min,
        above: 999,
        clear_below: 500,
        ..rule()
    };
    let judge = judge_of(vec![slow_reads(), zombies], &[1, 1, 1]);
    let states: Vec<State> = judge.triggers().iter().map(super::Trigger::state).collect();
    assert_eq!(states, [State::Clear, State::Firing]);
}

#[test]
fn the_verdict_gathers_what_was_seen() {
    let verdict = judge_of(vec![], &[80, 82, 84]).verdict(at(4));
    assert_eq!(verdict.level, Level::Degraded);
    assert_eq!(verdict.evidence.cpu.unwrap().p50, 82_000_000);
    assert_eq!(verdict.evidence.wall.unwrap().max, 84_000_000);
    assert_eq!(verdict.evidence.leaf.unwrap().p50, 5_000);
    assert_eq!(verdict.evidence.root_to_leaf(), Some(16_400));
    assert_eq!(verdict.evidence.zombies, Some(1_000));
    assert!(verdict.evidence.unreadable.is_empty());
}

#[test]
fn a_verdict_without_fresh_reads_is_unknown() {
    assert_eq!(Judge::default().verdict(at(1)).level, Level::Unknown);
    let judge = judge_of(vec![], &[1, 1, 1]);
    assert_eq!(judge.verdict(at(3).after(GAP_MAX)).level, Level::Healthy);
    let late = judge.verdict(at(4).after(GAP_MAX));
    assert_eq!((late.level, late.evidence.cpu), (Level::Unknown, None));
}

#[test]
fn reads_whose_cost_keeps_them_apart_are_one_series() {
    let mut judge = Judge::default();
    judge.set_rules(vec![slow_reads()], at(0));
    let mut twice = observation(1, MS(8_000));
    // Each read is repeated, so that the pause after it is 26 min and more.
    twice.cost = MS(16_000);
    let mut apart = Vec::new();
    for _ in 0..3 {
        judge.observe(&twice);
        apart.push(judge.triggers()[0].state());
        judge.evaluate(twice.at.after(MS(1_900_000)));
        twice.at = twice.at.after(MS(1_936_000));
    }
    assert_eq!(apart, [State::Unknown, State::Unknown, State::Firing]);
    assert_eq!(judge.triggers()[0].state(), State::Firing);
    let silent = twice.at.after(GAP_MAX);
    judge.evaluate(silent);
    assert_eq!(judge.triggers()[0].state(), State::Unknown);

    judge.observe(&observation(10_000, MS(80)));
    assert_eq!(
        judge.verdict(at(10_000).after(GAP_MAX)).level,
        Level::Degraded
    );
    assert_eq!(
        judge.verdict(at(10_001).after(GAP_MAX)).level,
        Level::Unknown
    );
}

#[test]
fn a_part_that_cannot_be_read_leaves_the_rest_alone() {
    let mut judge = Judge::default();
    let why = SampleError::Unusable {
        path: "/proc/cgroups".into(),
        why: "broken",
    };
    for second in 1..=3 {
        let mut seen = observation(second, MS(1));
        seen.zombies = Err(why.clone());
        judge.observe(&seen);
    }
    let verdict = judge.verdict(at(4));
    assert_eq!(verdict.level, Level::Healthy);
    assert_eq!(verdict.evidence.zombies, None);
    assert_eq!(
        verdict.evidence.unreadable,
        [Signal::ZombieMemcgs, Signal::ZombieMemcgGrowth].map(|signal| (signal, why.to_string()))
    );
    assert!(
        verdict
            .sentence
            .ends_with("zombie memcgs could not be counted")
    );
}

#[test]
fn state_survives_a_new_list_of_rules_by_hash_alone() {
    let mut judge = judge_of(vec![slow_reads()], &[80, 80, 80]);
    let other = Rule {
        policy: "another".to_owned(),
        ..slow_reads()
    };
    judge.set_rules(vec![other, slow_reads()], at(9));
    let [other, same] = judge.triggers() else {
        panic!("two triggers")
    };
    assert_eq!((same.state(), same.since()), (State::Firing, at(3)));
    assert_eq!((other.state(), other.since()), (State::Firing, at(9)));

    let changed = Rule {
        signal_hash: "b2".to_owned(),
        samples: 4,
        ..slow_reads()
    };
    judge.set_rules(vec![changed], at(10));
    assert_eq!(
        (judge.triggers()[0].state(), judge.triggers()[0].since()),
        (State::Unknown, at(10))
    );
}

#[test]
fn samples_come_fast_only_while_a_trigger_is_undecided() {
    assert_eq!(judge_of(vec![], &[80]).mode(), Mode::Quiet);
    assert_eq!(judge_of(vec![slow_reads()], &[80]).mode(), Mode::Fast);
    assert_eq!(
        judge_of(vec![slow_reads()], &[80, 80, 80]).mode(),
        Mode::Quiet
    );
    assert_eq!(judge_of(vec![slow_reads()], &[1, 1, 1]).mode(), Mode::Quiet);
    assert_eq!(
        judge_of(vec![slow_reads()], &[1, 1, 1, 80]).mode(),
        Mode::Fast
    );
}

#[test]
fn a_dear_read_earns_a_long_pause_only_once_a_verdict_stands() {
    let mut judge = Judge::default();
    let mut first = observation(1, MS(600));
    first.interference.steal = Some(MS(300));
    judge.observe(&first);
    assert_eq!(judge.verdict(at(1)).level, Level::Unknown);
    assert_eq!(judge.mode(), Mode::Fast);
    judge.observe(&observation(61, MS(600)));
    assert_eq!(judge.verdict(at(61)).level, Level::Stalled);
    assert_eq!(judge.mode(), Mode::Quiet);
    first.cost = MS(400);
    let mut cheaper = Judge::default();
    cheaper.observe(&first);
    assert_eq!(cheaper.mode(), Mode::Quiet, "its pause is short anyway");
}

#[test]
fn a_cure_is_proven_by_the_statistic_that_fired() {
    let rule = slow_reads();
    let mut judge = judge_of(vec![rule.clone()], &[80, 80, 80]);
    judge.observe(&observation(5, MS(1)));
    judge.observe(&observation(6, MS(1)));
    assert_eq!(
        judge.proof(&rule, at(4)),
        Proof::Waiting { have: 2, need: 3 }
    );
    judge.observe(&observation(7, MS(1)));
    assert_eq!(judge.proof(&rule, at(4)), Proof::Good { value: 1_000_000 });
    assert_eq!(judge.triggers()[0].state(), State::Clear);
}

#[test]
fn a_proof_hurries_only_what_can_be_hurried() {
    for signal in Signal::ALL {
        let rule = Rule { signal, ..rule() };
        let wanted = Judge::default().mode_of_proof(&rule, at(4), at(4));
        assert_eq!(wanted, signal.mode(), "{signal}");
        let elsewhere = Rule {
            not_here: Some("only on kernels below 5.2".to_owned()),
            ..rule
        };
        let wanted = Judge::default().mode_of_proof(&elsewhere, at(4), at(4));
        assert_eq!(wanted, Mode::Quiet, "{signal}");
    }
    let mut judge = Judge::default();
    for second in 5..8 {
        judge.observe(&observation(second, MS(1)));
    }
    let wanted = judge.mode_of_proof(&slow_reads(), at(4), at(8));
    assert_eq!(wanted, Mode::Quiet, "it is there");
}

/// Cycles of `cost` at `pace` from second 0 on, each as late as it may come, until the
/// trigger of `rule` is known and a cure at second 0 proven; how long that takes.
fn cycles(judge: &mut Judge, rule: &Rule, pace: Pace, cost: Duration) -> Duration {
    let mut seen = observation(0, cost);
    let mut began = seen.at;
    loop {
        let is_over = seen.at.since(began) >= WINDOW;
        seen.surroundings.softirq_delay = Ok(is_over.then_some(Duration::ZERO));
        if is_over {
            began = seen.at;
        }
        judge.observe(&seen);
        let mode = judge.mode();
        let mode = mode.max(judge.mode_of_proof(rule, at(0), seen.at));
        if mode == Mode::Quiet {
            return seen.at.since(at(0));
        }
        seen.at = seen.at.after(cost + pace.next_delay(mode, cost, u32::MAX));
        judge.evaluate(seen.at);
        assert_ne!(judge.triggers()[0].state(), State::Unknown, "{pace:?}");
    }
}

/// 30 samples of `signal` at an interval of so many seconds, beside a judge of an
/// earlier run's state.
fn thirty(signal: Signal, interval: u64) -> (Judge, Rule, Pace) {
    let pace = Pace {
        quiet: Duration::from_secs(interval),
        ..Pace::default()
    };
    let rule = Rule {
        signal,
        samples: 30,
        ..rule()
    };
    let mut judge = Judge::new(Thresholds::default(), pace);
    judge.set_rules(vec![rule.clone()], at(0));
    judge.resume(&rule, State::Firing, at(0), at(0));
    (judge, rule, pace)
}

/// As long as the controller waits for a proof, at every interval that can be set: see
/// `limit` in its `proof.rs`.
#[test]
fn what_cannot_be_hurried_is_proven_in_time_and_held_until_then() {
    let limit = Duration::from_secs(72) * 31;
    for (signal, limit) in [
        (Signal::SoftirqDelay, limit),
        (Signal::ZombieMemcgGrowth, limit + Duration::from_mins(10)),
    ] {
        for interval in [1, 29, 30, 60, 600] {
            for cost in [MS(1), DEAR_CYCLE] {
                let (mut judge, rule, pace) = thirty(signal, interval);
                let took = cycles(&mut judge, &rule, pace, cost);
                assert_eq!(judge.triggers()[0].state(), State::Clear);
                assert!(took <= limit, "{signal}, {interval} s: {took:?}");
                let proof = judge.proof(&rule, at(0));
                assert_eq!(proof, Proof::Good { value: 0 }, "{signal}, {interval} s");
            }
        }
    }
}

#[test]
fn growth_that_is_never_told_is_not_waited_for_for_ever() {
    let rule = Rule {
        signal: Signal::ZombieMemcgGrowth,
        samples: 10,
        ..rule()
    };
    let mut judge = Judge::default();
    judge.set_rules(vec![rule.clone()], at(0));
    for minute in 0..=60 {
        // A job leaves zombies every eight minutes, and the kernel lets go of them.
        let zombies = if minute % 8 < 4 { 1_000 } else { 100 };
        let mut seen = observation(60 * minute, MS(1));
        seen.zombies = Ok(ZombieCount::exactly(zombies));
        judge.observe(&seen);
        assert_eq!(judge.triggers()[0].state(), State::Unknown);
        // A quarter of an hour and ten windows; as long as the controller waits.
        for (wanted, most) in [
            (judge.mode(), 26),
            (judge.mode_of_proof(&rule, at(0), seen.at), 30),
        ] {
            let is_awaited = wanted == Mode::Windows;
            assert_eq!(is_awaited, minute < most, "minute {minute} of {most}");
        }
    }
}

#[test]
fn what_was_seen_before_a_suspension_is_forgotten() {
    let mut judge = Judge::default();
    for second in 0..10 {
        judge.observe(&observation(second, Duration::from_millis(150)));
    }
    let mut woken = observation(10, Duration::from_micros(30));
    woken.suspended = Duration::from_millis(999);
    judge.observe(&woken);
    assert_eq!(judge.verdict(at(10)).level, Level::Stalled);
    woken.suspended = Duration::from_secs(1);
    judge.observe(&woken);
    assert_eq!(judge.verdict(at(10)).level, Level::Unknown);
    assert_eq!(judge.series(Signal::ZombieMemcgs).history().len(), 1);
}
