//! What people are told.

use unstall_decide::window::{closed_text, local};

use crate::read::{time, windows};

fn closed(yaml: &str, now: &str) -> String {
    closed_text(&windows(yaml), time(now)).unwrap_or("open".to_owned())
}

const TWO: &str = r#"
allow:
- {timeZone: Europe/Berlin, days: [Tue], start: "22:00", end: "05:00"}
- {timeZone: America/New_York, days: [Thu], start: "22:00", end: "05:00"}
"#;

#[test]
fn the_next_window_is_told_on_its_own_clock() {
    assert_eq!(
        closed(TWO, "2026-03-03 12:00"),
        "no window is open: the next one opens 2026-03-03 22:00 Europe/Berlin (Tue)"
    );
    assert_eq!(
        closed(TWO, "2026-03-04 12:00"),
        "no window is open: the next one opens 2026-03-05 22:00 America/New_York (Thu)"
    );
    assert_eq!(closed(TWO, "2026-03-03 21:00"), "open");
    assert_eq!(closed("{}", "2026-03-03 21:00"), "open");
}

#[test]
fn an_exclusion_is_told_with_its_end_and_its_reason() {
    let freeze = r#"{reason: year-end, timeZone: Europe/Berlin, firstDate: "2026-12-21", lastDate: "2027-01-06"}"#;
    assert_eq!(
        closed(&format!("exclude: [{freeze}]"), "2026-12-24 18:00"),
        "excluded until 2027-01-07 00:00 Europe/Berlin (Thu): year-end"
    );
    assert_eq!(
        closed(&format!("{TWO}exclude: [{freeze}]"), "2026-12-24 18:00"),
        "excluded until 2027-01-07 00:00 Europe/Berlin (Thu): year-end; the next window opens 2027-01-07 22:00 \
         America/New_York (Thu)"
    );
    let opens_then =
        r#"allow: [{timeZone: Asia/Tokyo, days: [Thu], start: "08:00", end: "09:00"}]"#;
    assert_eq!(
        closed(
            &format!("{opens_then}\nexclude: [{freeze}]"),
            "2026-12-24 18:00"
        ),
        "excluded until 2027-01-07 00:00 Europe/Berlin (Thu): year-end"
    );
    let next_follows = r#"{firstDate: "2027-01-06", lastDate: "2027-01-09"}"#;
    assert_eq!(
        closed(
            &format!("exclude: [{freeze}, {next_follows}]"),
            "2026-12-24 18:00"
        ),
        "excluded until 2027-01-10 01:00 Europe/Berlin (Sun): year-end"
    );
}

#[test]
fn what_does_not_open_within_a_year() {
    let mondays = r#"
allow: [{days: [Mon], start: "08:00", end: "12:00"}]
exclude: [{reason: never on Mondays, days: [Mon]}]
"#;
    assert_eq!(
        closed(mondays, "2026-01-06 00:00"),
        "no window is open, and exclusions cover all of the next year's"
    );
    assert_eq!(
        closed(mondays, "2026-01-05 09:00"),
        "excluded until 2026-01-06 00:00 UTC (Tue): never on Mondays; no window opens within a year"
    );
    assert_eq!(
        closed(
            r#"exclude: [{start: "00:00", end: "24:00"}]"#,
            "2026-01-05 09:00"
        ),
        "excluded for more than a year: spec.disruption.windows.exclude[0]"
    );
}

#[test]
fn a_moment_is_told_on_the_first_windows_clock() {
    let windows = windows(TWO);
    let now = time("2026-03-03 22:30");
    assert_eq!(
        local(time("2026-03-03 23:15"), now, &windows),
        "2026-03-04 00:15 Europe/Berlin (Wed)"
    );
    assert_eq!(
        local(time("2026-03-03 22:59"), now, &windows),
        "23:59 Europe/Berlin"
    );
    assert_eq!(
        local(time("2026-07-03 22:59"), now, &windows),
        "2026-07-04 00:59 Europe/Berlin (Sat)"
    );
}

#[test]
fn without_a_window_moments_are_of_utc() {
    let now = time("2026-03-03 22:30");
    let none = windows("exclude: [{timeZone: Europe/Berlin, days: [Fri]}]");
    assert_eq!(local(time("2026-03-03 23:15"), now, &none), "23:15 UTC");
    assert_eq!(
        local(time("2026-03-04 00:00"), now, &none),
        "2026-03-04 00:00 UTC (Wed)"
    );
    let bad = windows(r#"allow: [{timeZone: Europe/Bonn, start: "08:00", end: "10:00"}]"#);
    assert_eq!(local(now, now, &bad), "22:30 UTC");
}
