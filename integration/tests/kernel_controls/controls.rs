//! Under each load: no stall without an incident, and a stall in time with one.

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use node_probe::judge::{Judge, Level, Rule, Signal, State, Statistic};
use node_probe::pace::Pace;
use node_probe::sample::{Observation, Roots, monotonic};
use node_probe::sampler::Sampler;
use unstall_integration::incident::{Backing, Incident, Options};

use crate::loads::{Load, Running};
use crate::turn::{PROGRAM, ready};

const PACE: Pace = Pace {
    quiet: Duration::from_millis(500),
    fast: Duration::from_millis(250),
};
/// Sampling at 1 % duty, each delay up to a fifth longer by jitter.
const DUTY: u32 = 120;
const PULSE: Duration = Duration::from_millis(100);
const ZOMBIES: u32 = 10_000;
const HOLD: Duration = Duration::from_secs(3);
const SAMPLES: u8 = 3;
/// Fewer samples say nothing of a load.
const SAMPLES_MIN: usize = 5;
const SAMPLES_WITHIN: Duration = Duration::from_secs(60);
/// For the machine to start what is to be measured, whatever runs beside it.
const SLACK: Duration = Duration::from_secs(3);

fn slow_reads() -> Rule {
    Rule {
        policy: "control".to_owned(),
        name: "slow".to_owned(),
        signal_hash: "0123456789abcdef".to_owned(),
        signal: Signal::MemoryStatReadCpu,
        statistic: Statistic::P50,
        samples: usize::from(SAMPLES),
        above: 5_000_000,
        clear_below: 2_000_000,
        hold: HOLD,
        corroborated_by: Vec::new(),
        not_here: None,
    }
}

fn sampler() -> (Sampler, Receiver<Observation>) {
    let (send, receive) = channel();
    let sampler = Sampler::start(Roots::under(Path::new("/")), PACE, move |observation| {
        // The receiver goes first when a control ends.
        let _ = send.send(observation);
    });
    (sampler.unwrap(), receive)
}

fn control_time() -> Duration {
    let asked = std::env::var("UNSTALL_CONTROL_SECONDS").ok();
    Duration::from_secs(asked.map_or(5, |seconds| seconds.parse().unwrap()))
}

/// The worst verdict of a busy machine without an incident, and whether the rule fired.
fn worst(lasts: Duration) -> (Level, bool, usize) {
    let (sampler, observations) = sampler();
    let mut judge = Judge::default();
    judge.set_rules(vec![slow_reads()], monotonic());
    let (mut level, mut fired, mut samples) = (Level::Unknown, false, 0);
    let start = Instant::now();
    // Where counting walks many cgroups, samples are seconds apart at 1 % duty.
    while start.elapsed() < lasts || samples < SAMPLES_MIN && start.elapsed() < SAMPLES_WITHIN {
        let Ok(observation) = observations.recv_timeout(Duration::from_millis(250)) else {
            continue;
        };
        judge.observe(&observation);
        level = level.max(judge.verdict(observation.at).level);
        fired |= judge.triggers()[0].state() == State::Firing;
        samples += 1;
    }
    drop(sampler);
    (level, fired, samples)
}

/// How long the rule took to fire, and what that may take at the duty of these samples.
fn detection() -> (Duration, Duration) {
    let (sampler, observations) = sampler();
    let mut judge = Judge::default();
    let start = monotonic();
    judge.set_rules(vec![slow_reads()], start);
    let mut dearest = Duration::ZERO;
    loop {
        if let Ok(observation) = observations.recv_timeout(Duration::from_millis(100)) {
            dearest = dearest.max(observation.cost);
            judge.observe(&observation);
        }
        let now = monotonic();
        judge.evaluate(now);
        sampler.set_mode(judge.mode());
        let sample = (dearest * DUTY).max(PACE.quiet * 2);
        let bound = HOLD + SLACK + sample * (u32::from(SAMPLES) + 1);
        let took = now.since(start);
        if judge.triggers()[0].state() == State::Firing || took > bound {
            return (took, bound);
        }
    }
}

#[test]
fn a_busy_machine_is_no_stalled_one() {
    let Some(_turn) = ready() else { return };
    for load in Load::ALL {
        let running = Running::start(load);
        let (level, fired, samples) = worst(control_time());
        drop(running);
        println!("{load:?}: at worst {level}, {samples} samples");
        assert!(
            samples >= SAMPLES_MIN,
            "{load:?}: {samples} samples say nothing"
        );
        assert!(level < Level::Degraded, "{load:?}: {level}");
        assert!(!fired, "{load:?}: the rule fired");
    }
}

#[test]
fn a_stall_is_found_in_time_whatever_else_runs() {
    let Some(_turn) = ready() else { return };
    let options = Options {
        wait: Duration::from_secs(600),
        ..Options::new(ZOMBIES, Backing::Ext4, PROGRAM)
    };
    let mut incident = Incident::make(&options).unwrap();
    incident.start_pulses(PULSE).unwrap();
    for load in Load::ALL {
        let running = Running::start(load);
        let (took, bound) = detection();
        drop(running);
        println!("{load:?}: fires after {took:.1?} of {bound:.1?}");
        assert!(took <= bound, "{load:?}: not after {took:?}");
    }
}
