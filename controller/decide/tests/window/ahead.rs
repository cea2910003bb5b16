//! When the next opening is, and when so much open time has passed.

use jiff::{SignedDuration, Timestamp};
use unstall_decide::window::{after_open_time, at, closed_text, local, next_open};

use crate::read::{time, told, windows};

const MORNINGS: &str = r#"
allow: [{days: [Mon, Tue], start: "08:00", end: "10:00"}]
exclude: [{days: [Tue], start: "09:00", end: "09:30"}]
"#;
const BAD: &str = r#"allow: [{timeZone: Europe/Bonn, start: "08:00", end: "10:00"}]"#;

fn next(yaml: &str, from: &str) -> String {
    next_open(&windows(yaml), time(from)).map_or("none".to_owned(), told)
}

fn after(yaml: &str, from: &str, minutes: i64) -> String {
    let work = SignedDuration::from_mins(minutes);
    after_open_time(&windows(yaml), time(from), work).map_or("none".to_owned(), told)
}

#[test]
fn the_next_opening_is_now_where_one_is_open() {
    assert_eq!(next(MORNINGS, "2026-01-05 08:30"), "2026-01-05 08:30");
    assert_eq!(next(MORNINGS, "2026-01-05 10:00"), "2026-01-06 08:00");
    assert_eq!(next(MORNINGS, "2026-01-06 09:10"), "2026-01-06 09:30");
    assert_eq!(next("{}", "2026-01-06 09:10"), "2026-01-06 09:10");
    assert_eq!(
        next(
            "exclude: [{start: \"00:00\", end: \"24:00\"}]",
            "2026-01-06 09:10"
        ),
        "none"
    );
    assert_eq!(next(BAD, "2026-01-05 08:30"), "none");
}

#[test]
fn open_time_passes_in_windows_alone() {
    let from = "2026-01-05 07:00";
    assert_eq!(after(MORNINGS, from, 0), from);
    assert_eq!(after(MORNINGS, from, -5), from);
    assert_eq!(after(MORNINGS, from, 1), "2026-01-05 08:01");
    assert_eq!(after(MORNINGS, from, 120), "2026-01-05 10:00");
    assert_eq!(after(MORNINGS, from, 121), "2026-01-06 08:01");
    assert_eq!(after(MORNINGS, from, 180), "2026-01-06 09:00");
    assert_eq!(after(MORNINGS, from, 181), "2026-01-06 09:31");
    assert_eq!(after(MORNINGS, from, 240), "2026-01-12 08:30");
    assert_eq!(after(MORNINGS, "2026-01-05 09:00", 30), "2026-01-05 09:30");
    assert_eq!(after("{}", from, 600), "2026-01-05 17:00");
    assert_eq!(after(BAD, from, 0), "none");
}

#[test]
fn open_time_is_not_told_beyond_a_year() {
    let year = 366 * 24 * 60;
    assert_eq!(after("{}", "2026-01-05 00:00", year), "2027-01-06 00:00");
    assert_eq!(after("{}", "2026-01-05 00:00", year + 1), "none");
    // 53 Mondays of two hours and 53 Tuesdays of an hour and a half.
    let all = 53 * 120 + 53 * 90;
    assert_eq!(after(MORNINGS, "2026-01-05 00:00", all), "2027-01-05 10:00");
    assert_eq!(after(MORNINGS, "2026-01-05 00:00", all + 1), "none");
    assert_eq!(after(MORNINGS, "2026-01-05 00:00", i64::MAX / 60), "none");
}

#[test]
fn the_ends_of_time_are_no_end() {
    let texts = [
        "{}",
        MORNINGS,
        r#"allow: [{timeZone: Pacific/Kiritimati, start: "23:59", end: "23:58"}]"#,
        r#"
allow: [{timeZone: Pacific/Niue, start: "00:00", end: "24:00"}]
exclude: [{firstDate: "0000-01-01", lastDate: "9999-12-31", start: "12:00", end: "11:00"}]
"#,
    ];
    let second = SignedDuration::from_secs(1);
    for text in texts {
        let windows = windows(text);
        for now in [
            Timestamp::MIN,
            Timestamp::MIN + second,
            Timestamp::MAX - second,
            Timestamp::MAX,
        ] {
            let view = at(&windows, now).unwrap();
            assert_eq!(
                closed_text(&windows, now).is_none(),
                view.open,
                "{text} at {now}"
            );
            assert!(next_open(&windows, now).is_none_or(|next| next >= now));
            let after = after_open_time(&windows, now, second);
            assert!(after.is_none_or(|after| after >= now + second));
            assert!(!local(now, Timestamp::UNIX_EPOCH, &windows).is_empty());
        }
    }
    assert_eq!(at(&windows("{}"), Timestamp::MAX).unwrap().closes, None);
    let last = windows(r#"exclude: [{start: "22:00", end: "24:00"}]"#);
    assert!(
        !at(&last, Timestamp::MAX - SignedDuration::from_millis(1))
            .unwrap()
            .open
    );
    let first = windows(r#"allow: [{start: "00:00", end: "24:00"}]"#);
    assert!(at(&first, Timestamp::MIN).unwrap().open);
}
