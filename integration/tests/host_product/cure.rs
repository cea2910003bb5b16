//! The thin path on the installed chart, with a real stall: found, cured and
//! proven; and its twins, which must not be.

use std::time::Duration;

use unstall_integration::incident::Backing;
use unstall_integration::product::{Objects, list, text};

use crate::stage::{Stage, Stall, settings};

/// Enough for reads of some 10 ms here, few enough for ten of them in about
/// ten seconds at 1 % duty.
const ZOMBIES: u32 = 8_000;
/// For as long as a cure takes, its twin must stay sick.
const TWIN: Duration = Duration::from_secs(45);

#[test]
fn a_stall_is_found_cured_and_proven() {
    let Some(stage) = Stage::set(&settings(true)) else {
        return;
    };
    stage.enforce();
    let mut stall = Stall::make(ZOMBIES, Backing::Ext4);
    let sick = stall.p50();
    let objects = stage.until_ended();
    let incident = objects.remediation();
    let part = |path| text(incident, path).unwrap_or_else(|| panic!("{path}: {incident:#}"));
    assert_eq!(part("/status/outcome"), "Fixed", "{incident:#}");
    assert_eq!(part("/status/proof/before/signal"), "MemoryStatReadCPU");
    assert_eq!(
        part("/status/proof/before/statistic"),
        part("/status/proof/after/statistic")
    );
    let zombies = |path| part(path).parse::<u32>().unwrap();
    assert!(
        zombies("/status/proof/before/zombieMemcgs") >= ZOMBIES * 9 / 10,
        "{incident:#}"
    );
    assert!(
        zombies("/status/proof/after/zombieMemcgs") < ZOMBIES / 2,
        "{incident:#}"
    );
    // By a clock of our own, and with the stall's cause still at work.
    assert!(stall.is_pulsing());
    let cured = stall.p50();
    assert!(
        cured * 5 < sick,
        "reads take {cured:?} now, {sick:?} before"
    );
    let measured = stage.until("what was measured after the command", |objects| {
        objects.health().pointer("/status/command/after").is_some()
    });
    measured_around(&measured);
    stage.until_released();
    stage.outcome("ext4, remedy on", incident);
}

/// The probe's numbers beside the command's outcome: both, before and after.
fn measured_around(objects: &Objects) {
    let health = objects.health();
    let part = |path: &str| {
        let path = format!("/status/command/{path}");
        text(health, &path).unwrap_or_else(|| panic!("{path}: {health:#}"))
    };
    let zombies = |path| part(path).parse::<u32>().unwrap();
    assert!(zombies("before/zombieMemcgs") >= ZOMBIES * 9 / 10);
    assert!(zombies("after/zombieMemcgs") < ZOMBIES / 2);
    let reads = ["before", "after"].map(|when| part(&format!("{when}/memoryStatReadCPU")));
    assert!(part("before/at") < part("after/at"), "{health:#}");
    let freed = health.pointer("/status/command/freedBytes");
    assert!(
        freed.is_some_and(|bytes| bytes.as_i64() > Some(0)),
        "{health:#}"
    );
    println!("read times before and after: {reads:?}; freed {freed:?}");
}

#[test]
fn without_an_actuator_the_same_stall_stays() {
    let Some(stage) = Stage::set(&settings(false)) else {
        return;
    };
    stage.enforce();
    let mut stall = Stall::make(ZOMBIES, Backing::Ext4);
    let objects = stage.until("the incident to wait", |objects| {
        !list(objects.remediation(), "/status/blockers").is_empty()
    });
    let reason = text(objects.remediation(), "/status/blockers/0/reason").map(str::to_owned);
    assert_eq!(reason.as_deref(), Some("ActuatorUnavailable"));
    std::thread::sleep(TWIN);
    let objects = stage.objects();
    let state = text(objects.health(), "/status/triggers/0/state");
    assert_eq!(
        state,
        Some("Firing"),
        "the twin got well by itself: {:#}",
        objects.health()
    );
    assert_eq!(
        text(objects.remediation(), "/status/phase"),
        Some("Pending")
    );
    let zombies = stall.zombies();
    assert!(
        zombies >= u64::from(ZOMBIES / 2),
        "{zombies} zombies are left"
    );
    stage.outcome("ext4, actuator off", objects.remediation());
}

#[test]
fn what_cannot_be_dropped_ends_not_fixed_and_says_what_remains() {
    let Some(stage) = Stage::set(&settings(true)) else {
        return;
    };
    stage.enforce();
    let mut stall = Stall::make(ZOMBIES, Backing::Tmpfs);
    let objects = stage.until_ended();
    let incident = objects.remediation();
    assert_eq!(
        text(incident, "/status/outcome"),
        Some("NotFixed"),
        "{incident:#}"
    );
    let remains = text(incident, "/status/proof/remains").unwrap_or_default();
    assert!(
        remains.contains("zombie memcgs are still there"),
        "{incident:#}"
    );
    assert!(stall.zombies() >= u64::from(ZOMBIES * 9 / 10));
    stage.outcome("tmpfs, remedy on", incident);
}

#[test]
fn observe_changes_nothing_and_says_what_it_would_do() {
    let Some(stage) = Stage::set(&settings(true)) else {
        return;
    };
    stage.observe();
    let mut stall = Stall::make(ZOMBIES, Backing::Ext4);
    let objects = stage.until("a forecast", |objects| {
        !list(objects.policy(), "/status/forecast").is_empty()
    });
    let forecast = |path| text(objects.policy(), path).unwrap_or_default();
    assert_eq!(forecast("/status/forecast/0/remedy"), "drop");
    assert!(forecast("/status/forecast/0/message").starts_with("would drop caches on "));
    std::thread::sleep(Duration::from_secs(10));
    let objects = stage.objects();
    assert_eq!(objects.remediations().count(), 0);
    assert!(objects.health().pointer("/spec/command").is_none());
    assert!(stall.zombies() >= u64::from(ZOMBIES / 2));
}
