//! What was measured before a command and after it. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use unstall_crds::health::CommandMeasurement;

use super::rules::reading;
use super::status::Now;
use crate::judge::{Judge, Signal, Statistic, ZOMBIE_COUNTS};
use crate::time::MonotonicTime;

/// A median of fewer reads is moved by one just after somebody else's.
const READS: usize = 5;

/// After this, what is known is told without the rest: five reads a minute apart fit into it.
const PATIENCE: Duration = Duration::from_mins(10);

/// One of the two numbers.
#[derive(Clone, Copy)]
enum Seen {
    /// Its value, and when the last sample of it was taken.
    Value(u64, MonotonicTime),
    /// It cannot be read.
    Unreadable,
    /// There are too few trusted samples of it.
    Pending,
}

/// What is known as a command begins; `None` if that is nothing.
#[must_use]
pub fn before(judge: &Judge, now: Now) -> Option<CommandMeasurement> {
    let signals = [Signal::MemoryStatReadCpu, Signal::ZombieMemcgs];
    let is_stale = signals.map(|it| judge.series(it).history().is_stale(now.monotonic));
    let [read, zombies] = both(judge, None);
    let fresh = |seen, is_stale| match (seen, is_stale) {
        (Seen::Value(..), true) => Seen::Pending,
        (seen, _) => seen,
    };
    measurement(fresh(read, is_stale[0]), fresh(zombies, is_stale[1]), now)
}

/// What was measured after a command that ended at `ended`, once both numbers
/// are known or cannot be; `None` until then.
#[must_use]
pub fn after(judge: &Judge, ended: MonotonicTime, now: Now) -> Option<CommandMeasurement> {
    let [read, zombies] = both(judge, Some(ended));
    let is_pending = [read, zombies]
        .iter()
        .any(|seen| matches!(seen, Seen::Pending));
    if is_pending && now.monotonic.since(ended) <= PATIENCE {
        return None;
    }
    measurement(read, zombies, now)
}

/// Whether what is measured from `now` on is still right after `finished`.
#[must_use]
pub fn is_recent(finished: &Time, now: Now) -> bool {
    let patience = SignedDuration::try_from(PATIENCE).unwrap_or_default();
    now.wall.duration_since(finished.0) <= patience
}

/// The median read and the least count, of the last samples after `start`.
fn both(judge: &Judge, start: Option<MonotonicTime>) -> [Seen; 2] {
    let seen = |signal, statistic, count| {
        let series = judge.series(signal);
        if series.unreadable().is_some() {
            return Seen::Unreadable;
        }
        let history = series.history();
        let value = match start {
            None => history.statistic(statistic, count),
            Some(start) => history.statistic_after(statistic, count, start),
        };
        match (value, history.last()) {
            (Ok(value), Some((at, _))) => Seen::Value(value, at),
            _ => Seen::Pending,
        }
    };
    [
        seen(Signal::MemoryStatReadCpu, Statistic::P50, READS),
        seen(Signal::ZombieMemcgs, Statistic::Min, ZOMBIE_COUNTS),
    ]
}

fn measurement(read: Seen, zombies: Seen, now: Now) -> Option<CommandMeasurement> {
    let value = |signal, seen| match seen {
        Seen::Value(value, _) => Some(reading(signal, value)),
        Seen::Unreadable | Seen::Pending => None,
    };
    let at = [read, zombies].into_iter().filter_map(|seen| match seen {
        Seen::Value(_, at) => Some(at),
        Seen::Unreadable | Seen::Pending => None,
    });
    let at = now.wall_of(at.max()?);
    Some(CommandMeasurement {
        zombie_memcgs: value(Signal::ZombieMemcgs, zombies),
        memory_stat_read_cpu: value(Signal::MemoryStatReadCpu, read),
        at: Some(at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::GAP_MAX;
    use crate::judge::testing::{at, observation};
    use crate::sample::SampleError;

    fn now(second: u64) -> Now {
        Now {
            monotonic: at(second),
            wall: "2026-03-02T12:00:00Z".parse().unwrap(),
        }
    }

    /// Reads of 30 us from second 1 on, with or without a count of zombies.
    fn judge(reads: u64, counts: bool) -> Judge {
        let mut judge = Judge::default();
        for second in 1..=reads {
            let mut observation = observation(second, Duration::from_micros(30));
            if !counts {
                observation.zombies = Err(SampleError::MissingRow {
                    path: "/proc/cgroups".into(),
                    row: "memory",
                    hint: "not on this kernel",
                });
            }
            judge.observe(&observation);
        }
        judge
    }

    #[test]
    fn numbers_that_are_not_known_are_absent() {
        assert_eq!(before(&judge(0, true), now(1)), None);
        let few = before(&judge(4, true), now(5)).unwrap();
        assert_eq!(few.memory_stat_read_cpu, None);
        assert_eq!(few.zombie_memcgs.unwrap().0.to_string(), "1000");
        let uncounted = before(&judge(5, false), now(6)).unwrap();
        assert_eq!(uncounted.zombie_memcgs, None);
        assert_eq!(
            uncounted.memory_stat_read_cpu.unwrap().0.to_string(),
            "30us"
        );
        assert_eq!(uncounted.at, Some(now(6).wall_of(at(5))));
    }

    #[test]
    fn old_samples_say_nothing_of_before() {
        let late = 5 + GAP_MAX.as_secs() + 1;
        assert_eq!(before(&judge(5, true), now(late)), None);
    }

    #[test]
    fn after_waits_for_both_numbers_but_not_for_ever() {
        let (few, ended) = (judge(4, true), at(0));
        assert_eq!(after(&few, ended, now(600)), None);
        let told = after(&few, ended, now(601)).unwrap();
        assert!(told.zombie_memcgs.is_some() && told.memory_stat_read_cpu.is_none());
        assert!(after(&judge(5, true), ended, now(6)).is_some());
        assert!(
            after(&judge(5, false), ended, now(6)).is_some(),
            "what cannot be read is not waited for"
        );
        assert_eq!(after(&judge(5, true), at(1), now(6)), None);
    }
}
