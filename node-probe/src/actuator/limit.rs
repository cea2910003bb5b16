//! (pure) How often the actuator acts at all: a minimum interval and a daily cap, counted from its
//! own journal whatever the controller asks.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

use jiff::Timestamp;
use unstall_crds::health::RefusalReason;

use super::outcome::Refusal;
use super::record::{Entry, Moment};

/// The window of the daily cap.
pub const DAY: Duration = Duration::from_hours(24);

/// The limits that no command can lift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the start of one action to the start of the next.
    pub min_interval: Duration,
    /// Actions begun in any 24 hours.
    pub daily_cap: u32,
    /// How far in the future of this node's clock a command may be issued.
    pub max_skew: Duration,
    /// The longest time from a command's issue to its expiry.
    pub max_lifetime: Duration,
}

/// The time since `entry` began, by the clock that says less.
///
/// On one boot both clocks are known, and a wall clock that was set forward cannot shorten the
/// interval. A start in the future (the clock was set back) counts as just now: fail closed.
#[must_use]
pub fn elapsed(entry: &Entry, now: &Moment) -> Duration {
    let by_wall = since(entry.started_at, now.wall);
    if entry.boot_id != now.boot_id {
        return by_wall;
    }
    by_wall.min(
        now.uptime
            .saturating_sub(Duration::from_millis(entry.uptime_milliseconds)),
    )
}

/// Refuses when an action now would break the minimum interval or the daily cap.
///
/// # Errors
/// A refusal for `TooSoon` or `DailyCap`.
pub fn check(entries: &[Entry], now: &Moment, limits: &Limits) -> Result<(), Refusal> {
    // By each entry rather than the last alone: after a clock jump the last is not the nearest.
    let nearest = entries
        .iter()
        .map(|entry| (elapsed(entry, now), entry))
        .min_by_key(|(e, _)| *e);
    if let Some((past, entry)) = nearest
        && past < limits.min_interval
    {
        return Err(Refusal::new(
            RefusalReason::TooSoon,
            too_soon(past, entry, now, limits),
        ));
    }
    check_cap(entries, now, limits)
}

/// Refuses when an action now would break the daily cap.
///
/// # Errors
/// A refusal for `DailyCap`.
pub fn check_cap(entries: &[Entry], now: &Moment, limits: &Limits) -> Result<(), Refusal> {
    let cap = usize::try_from(limits.daily_cap).unwrap_or(usize::MAX);
    let today = entries
        .iter()
        .filter(|entry| elapsed(entry, now) < DAY)
        .count();
    if today >= cap {
        return Err(Refusal::new(
            RefusalReason::DailyCap,
            format!("{today} actions were begun in the last 24 hours; this node allows {cap}"),
        ));
    }
    Ok(())
}

fn too_soon(past: Duration, entry: &Entry, now: &Moment, limits: &Limits) -> String {
    if entry.started_at > now.wall {
        return format!(
            "command {:?} was begun at {}, which is in the future of this node's clock ({}): the \
             clock went back, and no interval can be measured until it has caught up",
            entry.id, entry.started_at, now.wall
        );
    }
    format!(
        "command {:?} was begun {} s ago; this node waits {} s between two",
        entry.id,
        past.as_secs(),
        limits.min_interval.as_secs()
    )
}

/// From `earlier` to `later`; zero when that is negative.
fn since(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use unstall_crds::command::CommandAction;

    const LIMITS: Limits = Limits {
        min_interval: Duration::from_mins(1),
        daily_cap: 3,
        max_skew: Duration::from_mins(1),
        max_lifetime: Duration::from_mins(10),
    };

    fn at(second: i64, boot: &str, uptime: u64) -> Moment {
        Moment {
            wall: Timestamp::from_second(second).unwrap(),
            boot_id: boot.to_owned(),
            uptime: Duration::from_secs(uptime),
        }
    }

    fn begun(moment: &Moment) -> Entry {
        Entry {
            id: "a".to_owned(),
            epoch: 1,
            action: CommandAction::DropCaches,
            key_id: "k".to_owned(),
            boot_id: moment.boot_id.clone(),
            started_at: moment.wall,
            uptime_milliseconds: u64::try_from(moment.uptime.as_millis()).unwrap(),
            asked_at: None,
            ending: None,
        }
    }

    fn reason(entries: &[Entry], now: &Moment) -> Option<RefusalReason> {
        check(entries, now, &LIMITS)
            .err()
            .map(|refusal| refusal.reason)
    }

    #[test]
    fn refuses_within_the_minimum_interval() {
        let entries = [begun(&at(1_000_000, "b", 500))];
        assert_eq!(
            reason(&entries, &at(1_000_059, "b", 559)),
            Some(RefusalReason::TooSoon)
        );
        assert_eq!(reason(&entries, &at(1_000_060, "b", 560)), None);
        assert_eq!(reason(&[], &at(0, "b", 0)), None);
    }

    #[test]
    fn refuses_at_the_daily_cap() {
        let start = 1_000_000;
        let entries: Vec<_> = (0..3)
            .map(|i| begun(&at(start + i * 100, "b", 1)))
            .collect();
        assert_eq!(
            reason(&entries, &at(start + 3_600, "c", 9)),
            Some(RefusalReason::DailyCap)
        );
        assert_eq!(
            reason(&entries, &at(start + 86_399, "c", 9)),
            Some(RefusalReason::DailyCap)
        );
        assert_eq!(reason(&entries, &at(start + 86_400, "c", 9)), None);
    }

    #[test]
    fn a_clock_set_forward_does_not_shorten_the_interval() {
        let entries = [begun(&at(1_000_000, "b", 500))];
        assert_eq!(
            reason(&entries, &at(9_000_000, "b", 510)),
            Some(RefusalReason::TooSoon)
        );
    }

    #[test]
    fn a_clock_set_back_refuses_and_says_so() {
        let entries = [begun(&at(1_000_000, "b", 500))];
        for now in [at(900_000, "c", 50_000), at(900_000, "b", 50_000)] {
            let refusal = check(&entries, &now, &LIMITS).unwrap_err();
            assert_eq!(refusal.reason, RefusalReason::TooSoon);
            assert!(
                refusal.message.contains("clock went back"),
                "{}",
                refusal.message
            );
        }
    }

    #[test]
    fn a_reboot_does_not_reset_the_limits() {
        let entries = [begun(&at(1_000_000, "b", 50_000))];
        assert_eq!(
            reason(&entries, &at(1_000_030, "c", 12)),
            Some(RefusalReason::TooSoon)
        );
        assert_eq!(reason(&entries, &at(1_000_090, "c", 72)), None);
    }
}
