//! The incident on the running kernel: slow reads, what cures them and what does not.
//!
//! Only ratios and counts are asserted: other people's work runs on the same machine. Every test
//! holds the machine's lock while its incident lasts, so that they run one after another.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

#[path = "kernel_support/turn.rs"]
mod turn;

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use turn::{PROGRAM, ready};
use unstall_integration::incident::{Backing, Hierarchy, Incident, IncidentError, Options, read};
use unstall_integration::testing::skip;

/// Small enough to be made in under a second, and reads are then some 50 times slower than at rest.
const ZOMBIES: u32 = 2_000;

const PULSE: Duration = Duration::from_millis(100);

/// Longer than the pulse: each read comes after at least one.
const SPACING: Duration = Duration::from_millis(250);

/// What three passes of `drop_caches` may take, and for how long the twin goes without.
const CURE_WITHIN: Duration = Duration::from_secs(9);

/// How often a test starts anew because somebody else dropped this machine's caches.
const TRIES: u32 = 3;

/// How often a median is measured anew while other processes read the root.
const CALM_TRIES: u32 = 30;

/// How long another program's incident may take.
const TURN_WITHIN: Duration = Duration::from_secs(600);

/// The incident of most tests: zombies at rest.
fn options(backing: Backing) -> Options {
    Options {
        wait: TURN_WITHIN,
        ..Options::new(ZOMBIES, backing, PROGRAM)
    }
}

/// Makes it, or skips where this machine has no such file system.
fn make(options: &Options) -> Option<Incident> {
    match Incident::make(options) {
        Ok(incident) => Some(incident),
        Err(error @ IncidentError::NoDirectory { .. }) => {
            skip(&error.to_string());
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// How often this kernel's page cache was dropped, by anybody.
fn drops() -> u64 {
    let text = fs::read_to_string("/proc/vmstat").unwrap();
    let row = text
        .lines()
        .find_map(|line| line.strip_prefix("drop_pagecache "))
        .unwrap();
    row.parse().unwrap()
}

/// The median of root reads. One that is not as expected is no evidence while another process reads
/// the root too, since it takes the flushes on itself: then it is measured again.
fn p50(expected: impl Fn(Duration) -> bool) -> Duration {
    for _ in 0..CALM_TRIES {
        let mut others = read::other_readers().unwrap();
        let p50 = read::time_root(11, SPACING).unwrap().p50();
        others.extend(read::other_readers().unwrap());
        if expected(p50) || others.is_empty() {
            return p50;
        }
        println!("p50 {p50:?}, but processes {others:?} read the root too: once more");
        std::thread::sleep(SPACING * 8);
    }
    panic!("other processes read the root's memory.stat all the time: stop them")
}

/// Zombies at rest, then pulses; gives the slow median, which must be far above the one at rest.
fn make_slow(incident: &mut Incident) -> Duration {
    let rest = p50(|_| true);
    incident.start_pulses(PULSE).unwrap();
    let slow = p50(|slow| slow > rest * 10);
    println!("{ZOMBIES} zombies: p50 at rest {rest:?}, with pulses {slow:?}");
    assert!(
        slow > rest * 10,
        "pulses must slow the reads: {rest:?} at rest, {slow:?} with them"
    );
    slow
}

/// Writes back, then drops the page cache, in at most three passes; gives the zombies that are
/// left of the incident's.
fn drop_caches(incident: &Incident, passes: u32) -> u64 {
    let made_left = || {
        let now = incident.zombies_now().unwrap();
        now.saturating_sub(incident.made().before)
    };
    let start = Instant::now();
    for pass in 1..=passes {
        nix::unistd::sync();
        fs::write("/proc/sys/vm/drop_caches", "1").unwrap();
        let until = Instant::now() + CURE_WITHIN / passes;
        while made_left() > u64::from(ZOMBIES / 10) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(100));
        }
        println!(
            "pass {pass}: {} zombies left after {:?}",
            made_left(),
            start.elapsed()
        );
        if made_left() <= u64::from(ZOMBIES / 10) {
            break;
        }
    }
    made_left()
}

#[test]
fn on_ext4_drop_caches_cures_while_the_pulses_go_on() {
    let Some(_turn) = ready() else { return };
    let Some(mut incident) = make(&options(Backing::Ext4)) else {
        return;
    };
    let slow = make_slow(&mut incident);
    let before = drops();

    let left = drop_caches(&incident, 3);
    assert!(drops() > before, "the kernel counted no drop");
    assert!(
        left <= u64::from(ZOMBIES / 10),
        "{left} of {ZOMBIES} zombies survived"
    );
    let cured = p50(|cured| cured * 5 < slow);
    println!("after the drop: p50 {cured:?}");
    assert!(
        cured * 5 < slow,
        "reads must be fast again: {slow:?} before, {cured:?} after"
    );
    assert!(
        incident.is_pulsing(),
        "an incident whose pulses ended proves no cure"
    );

    let file = incident.made().file.clone();
    let stopped = incident.stop().unwrap();
    assert!(stopped.gone, "{} zombies are left", stopped.zombies);
    assert!(!file.exists());
    assert_eq!(
        incident.stop().unwrap(),
        stopped,
        "a second stop changes nothing"
    );
}

#[test]
fn on_ext4_without_a_drop_it_stays_slow_for_the_same_time() {
    let Some(_turn) = ready() else { return };
    for _ in 0..TRIES {
        let Some(mut incident) = make(&options(Backing::Ext4)) else {
            return;
        };
        let before = drops();
        let slow = make_slow(&mut incident);
        std::thread::sleep(CURE_WITHIN);
        let later = p50(|later| later * 2 > slow);
        let left = incident.zombies_now().unwrap();
        if drops() != before {
            println!("somebody else dropped this machine's caches: once more");
            continue;
        }
        println!("after {CURE_WITHIN:?} without a drop: p50 {later:?}, {left} zombies");
        assert!(
            later * 2 > slow,
            "it cured itself: p50 {slow:?}, then {later:?}"
        );
        assert!(
            left * 10 > u64::from(ZOMBIES) * 8,
            "{left} of {ZOMBIES} zombies are left"
        );
        assert!(incident.is_pulsing());
        return;
    }
    panic!("somebody else dropped this machine's caches in each of {TRIES} tries");
}

#[test]
fn on_tmpfs_no_drop_frees_anything() {
    let Some(_turn) = ready() else { return };
    let Some(mut incident) = make(&options(Backing::Tmpfs)) else {
        return;
    };
    let slow = make_slow(&mut incident);
    let left = drop_caches(&incident, 3);
    let later = p50(|later| later * 2 > slow);
    println!("after three drops: p50 {later:?}");
    assert!(
        left * 100 > u64::from(ZOMBIES) * 95,
        "{left} of {ZOMBIES} zombies are left"
    );
    assert!(
        later * 2 > slow,
        "reads must stay slow: {slow:?} before, {later:?} after"
    );
    assert!(incident.is_pulsing());

    let stopped = incident.stop().unwrap();
    assert!(
        stopped.gone,
        "unlinking frees what no drop does; {} are left",
        stopped.zombies
    );
}

#[test]
fn pulses_can_be_stopped_and_started_again() {
    let Some(_turn) = ready() else { return };
    let Some(mut incident) = make(&options(Backing::Ext4)) else {
        return;
    };
    let slow = make_slow(&mut incident);
    let (first, _) = incident.pulser().unwrap();
    incident.stop_pulses();
    assert!(!incident.is_pulsing());
    assert!(
        !fs::exists(format!("/proc/{first}")).unwrap(),
        "the pulser must be gone"
    );
    let rest = p50(|rest| rest * 5 < slow);
    assert!(
        rest * 5 < slow,
        "zombies at rest are not slow: {slow:?} with pulses, {rest:?}"
    );
    incident.start_pulses(PULSE).unwrap();
    assert_ne!(incident.pulser().unwrap().0, first);
    assert!(incident.is_pulsing());
}

#[test]
fn a_second_maker_is_refused_and_told_who_holds_the_machine() {
    let Some(_turn) = ready() else { return };
    let Some(mut incident) = make(&options(Backing::Ext4)) else {
        return;
    };
    let mut second = options(Backing::Tmpfs);
    second.wait = Duration::ZERO;
    second.state_dir = tempfile::tempdir().unwrap().path().to_path_buf();
    let refusal = Incident::make(&second).unwrap_err();
    let me = std::process::id().to_string();
    assert!(
        matches!(&refusal, IncidentError::Busy { holder, .. } if *holder == me),
        "{refusal}"
    );
    assert!(
        incident.zombies_now().unwrap() > u64::from(ZOMBIES / 2),
        "the first is untouched"
    );

    incident.stop().unwrap();
    second.zombies = 100;
    second.wait = TURN_WITHIN;
    match Incident::make(&second) {
        Ok(next) => assert_eq!(next.made().zombies, 100),
        Err(error @ IncidentError::NoDirectory { .. }) => skip(&error.to_string()),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn another_reader_of_the_root_is_seen() {
    let Some(_turn) = ready() else { return };
    let root = Hierarchy::find().unwrap().memory_stat();
    let mut reader = Command::new("sleep")
        .arg("60")
        .stdin(fs::File::open(root).unwrap())
        .spawn()
        .unwrap();
    let seen = read::other_readers().unwrap();
    reader.kill().unwrap();
    reader.wait().unwrap();
    assert!(seen.contains(&reader.id()), "{seen:?}");
    let later = read::other_readers().unwrap();
    assert!(!later.contains(&reader.id()), "{later:?}");
}
