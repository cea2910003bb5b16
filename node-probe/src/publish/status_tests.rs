//! The status as a whole: what a restart of the probe must not change.

use serde_json::json;

use super::status::{Facts, Inputs, NextBoot, Now, status};
use crate::judge::Judge;
use crate::judge::testing::observation;
use crate::time::MonotonicTime;
use std::time::Duration;
use unstall_crds::health::{NodeHealthStatus, Verdict};

fn before(boot: &str) -> NodeHealthStatus {
    serde_json::from_value(json!({
        "bootID": boot, "heartbeat": "2026-03-02T12:00:00Z", "verdict": "Stalled",
        "verdictSince": "2026-03-02T11:00:00Z", "summary": "as it was said",
        "probe": {"version": "0.1.0", "actuator": true, "reboots": true},
    }))
    .unwrap()
}

/// The status `after` seconds of a run on boot `b1`, with `reads` of 30 us.
fn said(before: &NodeHealthStatus, reads: u64, after: u64) -> NodeHealthStatus {
    said_with(true, before, reads, after)
}

fn said_with(
    has_actuator: bool,
    before: &NodeHealthStatus,
    reads: u64,
    after: u64,
) -> NodeHealthStatus {
    let started = 5_000;
    let mut judge = Judge::default();
    for read in 0..reads {
        judge.observe(&observation(started + read, Duration::from_micros(30)));
    }
    let facts = Facts {
        boot_id: Some("b1".to_owned()),
        kernel_release: None,
        cgroup_version: None,
    };
    let at = |seconds| MonotonicTime::from_boot(Duration::from_secs(seconds));
    let inputs = Inputs {
        facts: &facts,
        next_boot: NextBoot::default(),
        started: at(started),
        asked: &[],
        generation: Some(1),
        in_flight: None,
        silence: Some("nobody listens"),
        reboots: None,
        has_actuator,
        command: None,
        command_ended: None,
        before,
    };
    let now = Now {
        monotonic: at(started + after),
        wall: "2026-03-02T12:01:00Z".parse().unwrap(),
    };
    status(&judge, &inputs, now)
}

#[test]
fn a_restart_of_the_probe_is_no_news() {
    let old = before("b1");
    let new = said(&old, 2, 10);
    assert_eq!(new.verdict, Some(Verdict::Stalled));
    assert_eq!(new.summary.as_deref(), Some("as it was said"));
    assert_eq!(new.verdict_since, old.verdict_since);
    let probe = new.probe.unwrap();
    assert!(probe.actuator && probe.reboots);
}

#[test]
fn what_is_known_anew_and_what_takes_too_long_are() {
    assert_eq!(said(&before("b1"), 3, 10).verdict, Some(Verdict::Healthy));
    assert_eq!(said(&before("b1"), 2, 121).verdict, Some(Verdict::Unknown));
    let late = said(&before("b1"), 2, 31).probe.unwrap();
    assert!(!late.actuator);
    assert_eq!(late.actuator_message.as_deref(), Some("nobody listens"));
    assert!(!late.reboots);
    assert_eq!(late.reboots_message, None, "one reason is enough");
}

#[test]
fn another_boot_is_another_node() {
    let new = said(&before("b0"), 2, 1);
    assert_eq!(new.verdict, Some(Verdict::Unknown));
    assert!(!new.probe.unwrap().actuator);
}

#[test]
fn an_actuator_that_was_taken_away_is_not_waited_for() {
    let probe = said_with(false, &before("b1"), 2, 1).probe.unwrap();
    assert!(!probe.actuator);
}
