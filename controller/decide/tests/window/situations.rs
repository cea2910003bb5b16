//! Windows without surprises of the clock.

use unstall_crds::policy::{RemedyKind, WindowStatus, WindowedAction, Windows};
use unstall_decide::window::{at, binds};

use crate::read::{check, time, windows};

const NIGHTS: &str = r#"
allow: [{timeZone: Europe/Berlin, days: [Mon, Tue, Wed, Thu], start: "22:00", end: "05:00"}]
"#;

#[test]
fn a_window_over_midnight_belongs_to_the_day_on_which_it_starts() {
    check(
        NIGHTS,
        &[
            (
                "the minute before",
                "2026-01-08 20:59",
                "closed until 2026-01-08 21:00",
            ),
            (
                "its first moment",
                "2026-01-08 21:00",
                "open until 2026-01-09 04:00, again 2026-01-12 21:00",
            ),
            (
                "Friday morning is of Thursday",
                "2026-01-09 03:59",
                "open until 2026-01-09 04:00, again 2026-01-12 21:00",
            ),
            (
                "its end is not in it",
                "2026-01-09 04:00",
                "closed until 2026-01-12 21:00",
            ),
            (
                "Friday night is not one of its days",
                "2026-01-09 22:00",
                "closed until 2026-01-12 21:00",
            ),
            (
                "nor is Monday morning",
                "2026-01-12 02:00",
                "closed until 2026-01-12 21:00",
            ),
            (
                "Monday night",
                "2026-01-13 02:00",
                "open until 2026-01-13 04:00, again 2026-01-13 21:00",
            ),
        ],
    );
}

#[test]
fn without_windows_it_is_always_open() {
    check("{}", &[("now", "2026-01-08 20:59", "open for ever")]);
}

#[test]
fn days_from_midnight_to_midnight() {
    check(
        r#"allow: [{days: [Sat], start: "00:00", end: "24:00"}]"#,
        &[
            (
                "Friday's last minute",
                "2026-01-09 23:59",
                "closed until 2026-01-10 00:00",
            ),
            (
                "Saturday",
                "2026-01-10 00:00",
                "open until 2026-01-11 00:00, again 2026-01-17 00:00",
            ),
            (
                "Sunday",
                "2026-01-11 00:00",
                "closed until 2026-01-17 00:00",
            ),
        ],
    );
    check(
        r#"allow: [{timeZone: America/New_York, start: "00:00", end: "24:00"}]"#,
        &[("every day", "2026-01-09 23:59", "open for ever")],
    );
    check(
        r#"allow: [{days: [Sat], start: "12:00", end: "00:00"}]"#,
        &[(
            "00:00 is the next day's",
            "2026-01-10 12:00",
            "open until 2026-01-11 00:00, again 2026-01-17 12:00",
        )],
    );
}

#[test]
fn windows_that_overlap_or_follow_each_other_close_as_one() {
    check(
        r#"
allow:
- {days: [Tue], start: "02:00", end: "04:00"}
- {days: [Mon], start: "20:00", end: "02:00"}
- {timeZone: Europe/Berlin, days: [Tue], start: "04:00", end: "06:30"}
"#,
        &[
            (
                "three are one",
                "2026-01-05 20:00",
                "open until 2026-01-06 05:30, again 2026-01-12 20:00",
            ),
            (
                "in two of them",
                "2026-01-06 03:30",
                "open until 2026-01-06 05:30, again 2026-01-12 20:00",
            ),
            (
                "between the weeks",
                "2026-01-06 05:30",
                "closed until 2026-01-12 20:00",
            ),
        ],
    );
    check(
        r#"
allow:
- {days: [Mon], start: "02:00", end: "08:00"}
- {days: [Mon], start: "03:00", end: "04:00"}
- {days: [Mon], start: "08:01", end: "09:00"}
"#,
        &[(
            "the longest of those that are open counts",
            "2026-01-05 03:30",
            "open until 2026-01-05 08:00, again 2026-01-05 08:01",
        )],
    );
}

#[test]
fn each_window_has_its_own_clock() {
    check(
        r#"
allow:
- {timeZone: Asia/Kathmandu, days: [Wed], start: "00:00", end: "01:00"}
- {timeZone: Pacific/Chatham, days: [Wed], start: "00:00", end: "01:00"}
"#,
        &[
            (
                "Chatham is 13:45 ahead in summer",
                "2026-01-06 10:14",
                "closed until 2026-01-06 10:15",
            ),
            (
                "and closes first",
                "2026-01-06 10:15",
                "open until 2026-01-06 11:15, again 2026-01-06 18:15",
            ),
            (
                "Kathmandu is 5:45 ahead",
                "2026-01-06 11:15",
                "closed until 2026-01-06 18:15",
            ),
        ],
    );
}

#[test]
fn the_status_has_what_the_view_has() {
    let status = |text, now| WindowStatus::from(at(&windows(text), time(now)).unwrap());
    let open = status(NIGHTS, "2026-01-08 21:00");
    assert!(open.open && open.excluded.is_none());
    assert_eq!(open.closes.map(|t| t.0), Some(time("2026-01-09 04:00")));
    assert_eq!(
        open.next_opening.map(|t| t.0),
        Some(time("2026-01-12 21:00"))
    );
    let closed = status(
        "exclude: [{days: [Fri], reason: quiet}]",
        "2026-01-09 04:00",
    );
    assert!(!closed.open && closed.closes.is_none());
    assert_eq!(
        closed.next_opening.map(|t| t.0),
        Some(time("2026-01-10 00:00"))
    );
    assert_eq!(closed.excluded.as_deref(), Some("quiet"));
}

#[test]
fn a_remedy_is_bound_where_the_policy_says_so() {
    let pairs = [
        (RemedyKind::DropCaches, WindowedAction::DropCaches),
        (RemedyKind::Reboot, WindowedAction::Reboot),
        (RemedyKind::Cordon, WindowedAction::Cordon),
        (RemedyKind::HandOver, WindowedAction::HandOver),
    ];
    assert_eq!(pairs.len(), RemedyKind::ALL.len());
    for (kind, action) in pairs {
        let windows = Windows {
            applies_to: vec![action],
            ..Windows::default()
        };
        for other in RemedyKind::ALL {
            assert_eq!(binds(&windows, *other), *other == kind, "{action}, {other}");
        }
    }
    assert!(binds(&Windows::default(), RemedyKind::Reboot));
    assert!(!binds(&Windows::default(), RemedyKind::DropCaches));
}
