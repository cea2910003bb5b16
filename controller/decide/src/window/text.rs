//! Times as people write them, on the clock that their windows go by.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use unstall_crds::policy::Windows;

use super::clock;
use super::schedule::Schedule;
use super::sweep::Sweep;
use super::view;

/// Why no disruption may begin at `now` and when one may, as a sentence; None
/// when one may.
#[must_use]
pub fn closed_text(windows: &Windows, now: Timestamp) -> Option<String> {
    let schedule = match Schedule::read(windows) {
        Ok(schedule) => schedule,
        Err(bad) => return Some(bad.to_string()),
    };
    let mut sweep = Sweep::new(&schedule, now);
    if sweep.is_open() {
        return None;
    }
    let Some((index, exclusion)) = sweep.exclusion() else {
        return Some(match sweep.open() {
            Some(opens) => {
                let at = on_its_clock(&sweep, opens);
                format!("no window is open: the next one opens {at}")
            }
            None => "no window is open, and exclusions cover all of the next year's".to_owned(),
        });
    };
    let (zone, reason) = (exclusion.zone(), view::reason(windows, index));
    let Some(until) = sweep.leave_exclusions() else {
        return Some(format!("excluded for more than a year: {reason}"));
    };
    let text = format!("excluded until {}: {reason}", dated(until, zone));
    Some(match sweep.open() {
        Some(opens) if opens == until => text,
        Some(opens) => {
            let at = on_its_clock(&sweep, opens);
            format!("{text}; the next window opens {at}")
        }
        None => format!("{text}; no window opens within a year"),
    })
}

/// `time` on the clock of the first window, UTC when there is none; with the
/// date when `now` has another one there.
#[must_use]
pub fn local(time: Timestamp, now: Timestamp, windows: &Windows) -> String {
    let first = windows.allow.first();
    let zone = first.and_then(|window| clock::zone(&window.time_zone));
    let zone = zone.unwrap_or(TimeZone::UTC);
    if zone.to_datetime(time).date() == zone.to_datetime(now).date() {
        let clock = zone.to_datetime(time).strftime("%H:%M");
        format!("{clock} {}", name(&zone))
    } else {
        dated(time, &zone)
    }
}

/// `opens` on the clock of the window that opens then.
fn on_its_clock(sweep: &Sweep<'_>, opens: Timestamp) -> String {
    let window = sweep.window();
    window.map_or_else(
        || dated(opens, &TimeZone::UTC),
        |window| dated(opens, window.zone()),
    )
}

fn dated(time: Timestamp, zone: &TimeZone) -> String {
    let civil = zone.to_datetime(time);
    let (start, day) = (civil.strftime("%Y-%m-%d %H:%M"), civil.strftime("%a"));
    format!("{start} {} ({day})", name(zone))
}

fn name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}
