//! Exclusions: dates, days and hours, all that is given.

use crate::read::check;

#[test]
fn from_one_year_to_the_next() {
    check(
        r#"exclude: [{reason: year-end, timeZone: Europe/Berlin, firstDate: "2026-12-21", lastDate: "2027-01-06"}]"#,
        &[
            (
                "months before",
                "2026-02-01 12:00",
                "open until 2026-12-20 23:00, again 2027-01-06 23:00",
            ),
            (
                "the first day",
                "2026-12-20 23:00",
                "closed until 2027-01-06 23:00 (year-end)",
            ),
            (
                "new year",
                "2027-01-01 00:00",
                "closed until 2027-01-06 23:00 (year-end)",
            ),
            (
                "the last day's last minute",
                "2027-01-06 22:59",
                "closed until 2027-01-06 23:00 (year-end)",
            ),
            ("after it", "2027-01-06 23:00", "open for ever"),
            (
                "years before",
                "2022-02-01 12:00",
                "open until 2026-12-20 23:00",
            ),
        ],
    );
}

#[test]
fn friday_evening_into_saturday() {
    check(
        r#"exclude: [{reason: weekend plans, days: [Fri], start: "15:00", end: "06:00"}]"#,
        &[
            (
                "Friday's lunch",
                "2026-01-09 14:59",
                "open until 2026-01-09 15:00, again 2026-01-10 06:00",
            ),
            (
                "Friday evening",
                "2026-01-09 15:00",
                "closed until 2026-01-10 06:00 (weekend plans)",
            ),
            (
                "Saturday morning is of Friday",
                "2026-01-10 05:59",
                "closed until 2026-01-10 06:00 (weekend plans)",
            ),
            (
                "Friday morning is of Thursday",
                "2026-01-09 05:00",
                "open until 2026-01-09 15:00, again 2026-01-10 06:00",
            ),
        ],
    );
}

#[test]
fn all_that_is_given_must_apply() {
    check(
        r#"exclude: [{firstDate: "2026-01-05", lastDate: "2026-01-09", days: [Fri, Sat], start: "22:00", end: "02:00"}]"#,
        &[
            (
                "a date and hours, another day",
                "2026-01-08 23:00",
                "open until 2026-01-09 22:00, again 2026-01-10 02:00",
            ),
            (
                "a date and a day, other hours",
                "2026-01-09 21:59",
                "open until 2026-01-09 22:00, again 2026-01-10 02:00",
            ),
            (
                "all",
                "2026-01-09 22:00",
                "closed until 2026-01-10 02:00 (spec.disruption.windows.exclude[0])",
            ),
            (
                "the night of the last date is its",
                "2026-01-10 01:59",
                "closed until 2026-01-10 02:00 (spec.disruption.windows.exclude[0])",
            ),
            (
                "a day and hours, another date",
                "2026-01-10 22:30",
                "open for ever",
            ),
            (
                "the night before the first date is not its",
                "2026-01-03 01:00",
                "open until 2026-01-09 22:00, again 2026-01-10 02:00",
            ),
        ],
    );
    check(
        r#"exclude: [{start: "12:00", end: "24:00"}]"#,
        &[(
            "hours alone are of every day",
            "2026-01-08 11:00",
            "open until 2026-01-08 12:00, again 2026-01-09 00:00",
        )],
    );
}

#[test]
fn within_an_allowed_window() {
    check(
        r#"
allow: [{days: [Mon], start: "08:00", end: "18:00"}]
exclude: [{reason: lunch, start: "12:00", end: "13:00"}]
"#,
        &[
            (
                "before",
                "2026-01-05 09:00",
                "open until 2026-01-05 12:00, again 2026-01-05 13:00",
            ),
            (
                "within",
                "2026-01-05 12:30",
                "closed until 2026-01-05 13:00 (lunch)",
            ),
            (
                "after",
                "2026-01-05 13:00",
                "open until 2026-01-05 18:00, again 2026-01-12 08:00",
            ),
            (
                "an exclusion is told of a closed window too",
                "2026-01-06 12:30",
                "closed until 2026-01-12 08:00 (lunch)",
            ),
        ],
    );
}

#[test]
fn exclusions_at_the_edges_of_a_window() {
    check(
        r#"
allow: [{days: [Mon], start: "08:00", end: "12:00"}, {days: [Mon], start: "12:00", end: "18:00"}]
exclude:
- {reason: one, days: [Mon], start: "12:00", end: "14:00"}
- {reason: two, days: [Mon], start: "13:00", end: "15:00"}
- {reason: three, days: [Mon], start: "07:00", end: "09:00"}
- {reason: four, days: [Mon], start: "18:00", end: "20:00"}
"#,
        &[
            (
                "it closes where one begins",
                "2026-01-05 09:00",
                "open until 2026-01-05 12:00, again 2026-01-05 15:00",
            ),
            (
                "the first of the policy is told",
                "2026-01-05 13:30",
                "closed until 2026-01-05 15:00 (one)",
            ),
            (
                "two go over in each other",
                "2026-01-05 14:30",
                "closed until 2026-01-05 15:00 (two)",
            ),
            (
                "it opens where one ends",
                "2026-01-05 07:30",
                "closed until 2026-01-05 09:00 (three)",
            ),
            (
                "it closes by itself where one begins",
                "2026-01-05 15:00",
                "open until 2026-01-05 18:00, again 2026-01-12 09:00",
            ),
        ],
    );
}

#[test]
fn nothing_opens_within_a_year() {
    check(
        r#"
allow: [{days: [Mon], start: "08:00", end: "12:00"}]
exclude: [{reason: never on Mondays, days: [Mon]}]
"#,
        &[
            ("not now", "2026-01-06 00:00", "closed"),
            ("excluded", "2026-01-05 09:00", "closed (never on Mondays)"),
        ],
    );
    // A year ahead is 366 days: 2027-01-06 00:00.
    check(
        r#"exclude: [{reason: frozen, firstDate: "2026-01-01", lastDate: "2027-01-05"}]"#,
        &[
            (
                "the last moment of a year",
                "2026-01-05 00:00",
                "closed until 2027-01-06 00:00 (frozen)",
            ),
            ("a minute more", "2026-01-04 23:59", "closed (frozen)"),
        ],
    );
    check(
        r#"
allow: [{days: [Wed], start: "00:00", end: "01:00"}]
exclude: [{reason: frozen, firstDate: "2026-01-01", lastDate: "2027-01-05"}]
"#,
        &[
            (
                "the last moment of a year",
                "2026-01-05 00:00",
                "closed until 2027-01-06 00:00 (frozen)",
            ),
            ("a minute more", "2026-01-04 23:59", "closed (frozen)"),
        ],
    );
}

#[test]
fn an_exclusion_ends_what_has_no_gaps_however_far_off() {
    check(
        r#"
allow: [{start: "00:00", end: "12:00"}, {start: "12:00", end: "00:00"}]
exclude: [{firstDate: "2029-06-01", lastDate: "2029-06-01"}]
"#,
        &[
            (
                "years before",
                "2026-01-05 00:00",
                "open until 2029-06-01 00:00",
            ),
            (
                "months before",
                "2028-12-05 00:00",
                "open until 2029-06-01 00:00, again 2029-06-02 00:00",
            ),
            ("after it", "2029-06-02 00:00", "open for ever"),
        ],
    );
}

#[test]
fn an_exclusion_ends_with_the_second_pass_of_its_end() {
    check(
        r#"exclude: [{reason: backup, timeZone: Europe/Berlin, start: "01:00", end: "02:30"}]"#,
        &[
            (
                "autumn",
                "2026-10-25 01:29",
                "closed until 2026-10-25 01:30 (backup)",
            ),
            (
                "spring",
                "2026-03-29 00:59",
                "closed until 2026-03-29 01:00 (backup)",
            ),
        ],
    );
}

#[test]
fn a_reason_is_cut_to_what_a_status_holds() {
    let long = "ä".repeat(140);
    check(
        &format!("exclude: [{{reason: {long}, days: [Fri]}}]"),
        &[(
            "128 characters",
            "2026-01-09 00:00",
            &format!("closed until 2026-01-10 00:00 ({})", "ä".repeat(128)),
        )],
    );
    check(
        r#"exclude: [{days: [Thu]}, {reason: "", days: [Fri]}]"#,
        &[(
            "an empty one is none",
            "2026-01-09 00:00",
            "closed until 2026-01-10 00:00 (spec.disruption.windows.exclude[1])",
        )],
    );
}
