//! What an earlier run of the probe said that still holds. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

use unstall_crds::health::{NodeHealthStatus, TriggerState};

use super::status::{Facts, Now};
use crate::judge::{GAP_MAX, Rule, State};
use crate::time::MonotonicTime;

/// The states of `rules` that `before` tells and that hold for this run: of the
/// same boot, of the same signal block, and not older than samples may be.
/// Each with the time since when.
#[must_use]
pub fn resumed<'a>(
    rules: &'a [Rule],
    before: &NodeHealthStatus,
    facts: &Facts,
    now: Now,
) -> Vec<(&'a Rule, State, MonotonicTime)> {
    if !is_of_this_run(before, facts, now) {
        return Vec::new();
    }
    let one = |rule: &'a Rule| {
        let said = before.triggers.iter().find(|said| {
            (&said.policy, &said.name, &said.signal_hash)
                == (&rule.policy, &rule.name, &rule.signal_hash)
        })?;
        let state = match said.state {
            TriggerState::Firing => State::Firing,
            TriggerState::Clear => State::Clear,
            TriggerState::Unknown => return None,
        };
        let age = ago(said.since.0, now)?;
        let since = now.monotonic.since_boot().saturating_sub(age);
        Some((rule, state, MonotonicTime::from_boot(since)))
    };
    rules.iter().filter_map(one).collect()
}

/// The verdict takes its first reads for so long after a start.
pub const WARMING: Duration = Duration::from_mins(2);
/// The actuator, which starts beside the probe, is waited for that long.
pub const ACTUATOR_STARTS: Duration = Duration::from_secs(30);

/// Whether what `before` says may stand in for what is not known yet, `limit`
/// after this run `started` at most: a restart of the probe is no news.
#[must_use]
pub fn stands_in(
    before: &NodeHealthStatus,
    facts: &Facts,
    started: MonotonicTime,
    limit: Duration,
    now: Now,
) -> bool {
    now.monotonic.since(started) <= limit && is_of_this_run(before, facts, now)
}

/// Whether `before` is of this boot and no older than samples may be.
fn is_of_this_run(before: &NodeHealthStatus, facts: &Facts, now: Now) -> bool {
    let is_same_boot = facts.boot_id.is_some() && before.boot_id == facts.boot_id;
    let heartbeat = before.heartbeat.as_ref().and_then(|beat| ago(beat.0, now));
    is_same_boot && heartbeat.is_some_and(|age| age <= GAP_MAX)
}

/// How long before `now` that was; `None` if it is not past: the clock was set
/// back, and nothing can be said of it.
fn ago(time: jiff::Timestamp, now: Now) -> Option<Duration> {
    now.wall.duration_since(time).try_into().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::judge::{Signal, Statistic};

    fn rule(hash: &str) -> Rule {
        Rule {
            policy: "p".to_owned(),
            name: "slow".to_owned(),
            signal_hash: hash.to_owned(),
            signal: Signal::MemoryStatReadCpu,
            statistic: Statistic::P50,
            samples: 10,
            above: 50,
            clear_below: 20,
            hold: Duration::ZERO,
            corroborated_by: Vec::new(),
            not_here: None,
        }
    }

    fn said(state: &str) -> NodeHealthStatus {
        serde_json::from_value(json!({
            "bootID": "b1", "heartbeat": "2026-03-02T12:00:00Z",
            "triggers": [{
                "policy": "p", "name": "slow", "signalHash": "0123456789abcdef", "state": state,
                "since": "2026-03-02T11:50:00Z",
            }],
        }))
        .unwrap()
    }

    fn resumed_at(clock: &str, boot: &str, before: &NodeHealthStatus) -> Option<(State, Duration)> {
        let facts = Facts {
            boot_id: Some(boot.to_owned()),
            kernel_release: None,
            cgroup_version: None,
        };
        let now = Now {
            monotonic: MonotonicTime::from_boot(Duration::from_secs(5_000)),
            wall: format!("2026-03-02T{clock}Z").parse().unwrap(),
        };
        let rules = [rule("0123456789abcdef")];
        let found = resumed(&rules, before, &facts, now);
        found
            .first()
            .map(|(_, state, since)| (*state, since.since_boot()))
    }

    #[test]
    fn a_state_of_the_same_boot_goes_on_since_it_began() {
        let since = Duration::from_secs(5_000 - 11 * 60);
        assert_eq!(
            resumed_at("12:01:00", "b1", &said("Firing")),
            Some((State::Firing, since))
        );
        assert_eq!(
            resumed_at("12:01:00", "b1", &said("Clear")),
            Some((State::Clear, since))
        );
        assert_eq!(resumed_at("12:01:00", "b1", &said("Unknown")), None);
    }

    #[test]
    fn a_new_boot_an_old_word_and_a_clock_set_back_say_nothing() {
        assert_eq!(resumed_at("12:01:00", "b2", &said("Firing")), None);
        assert!(resumed_at("12:15:00", "b1", &said("Firing")).is_some());
        assert_eq!(resumed_at("12:15:01", "b1", &said("Firing")), None);
        assert_eq!(resumed_at("11:59:59", "b1", &said("Firing")), None);
        let nothing = NodeHealthStatus::default();
        assert_eq!(resumed_at("12:01:00", "b1", &nothing), None);
    }

    #[test]
    fn what_was_said_of_another_signal_block_is_not_said_of_this() {
        let facts = Facts {
            boot_id: Some("b1".to_owned()),
            kernel_release: None,
            cgroup_version: None,
        };
        let now = Now {
            monotonic: MonotonicTime::from_boot(Duration::from_secs(5_000)),
            wall: "2026-03-02T12:01:00Z".parse().unwrap(),
        };
        let rules = [rule("fedcba9876543210")];
        assert_eq!(resumed(&rules, &said("Firing"), &facts, now), []);
    }
}
