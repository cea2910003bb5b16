//! Windows on days on which the clock is put forward or back.

use crate::read::check;

#[test]
fn berlin_in_spring() {
    // 02:00 to 03:00 of 29 March is not shown: 01:00 UTC.
    check(
        r#"allow: [{timeZone: Europe/Berlin, start: "22:00", end: "05:00"}]"#,
        &[
            (
                "the night is an hour shorter",
                "2026-03-28 21:00",
                "open until 2026-03-29 03:00, again 2026-03-29 20:00",
            ),
            (
                "an hour earlier from then on",
                "2026-03-29 20:00",
                "open until 2026-03-30 03:00, again 2026-03-30 20:00",
            ),
        ],
    );
    check(
        r#"allow: [{timeZone: Europe/Berlin, days: [Sun], start: "02:30", end: "04:00"}]"#,
        &[
            (
                "a start that is not shown is the change",
                "2026-03-29 00:59",
                "closed until 2026-03-29 01:00",
            ),
            (
                "and the window is shorter",
                "2026-03-29 01:00",
                "open until 2026-03-29 02:00, again 2026-04-05 00:30",
            ),
        ],
    );
    check(
        r#"allow: [{timeZone: Europe/Berlin, days: [Sun], start: "01:00", end: "02:30"}]"#,
        &[(
            "an end that is not shown is the change",
            "2026-03-29 00:30",
            "open until 2026-03-29 01:00, again 2026-04-04 23:00",
        )],
    );
    check(
        r#"allow: [{timeZone: Europe/Berlin, days: [Sun], start: "02:00", end: "02:45"}]"#,
        &[
            (
                "a window that is not shown at all does not open",
                "2026-03-29 00:59",
                "closed until 2026-04-05 00:00",
            ),
            (
                "nor for a moment",
                "2026-03-29 01:00",
                "closed until 2026-04-05 00:00",
            ),
        ],
    );
    check(
        r#"allow: [{timeZone: Europe/Berlin, days: [Sun], start: "01:00", end: "03:00"}]"#,
        &[(
            "three o'clock is the change itself",
            "2026-03-29 00:00",
            "open until 2026-03-29 01:00, again 2026-04-04 23:00",
        )],
    );
}

#[test]
fn berlin_in_autumn() {
    // 02:00 to 03:00 of 25 October is shown twice: from 00:00 and 01:00 UTC on.
    check(
        r#"allow: [{timeZone: Europe/Berlin, start: "22:00", end: "05:00"}]"#,
        &[(
            "the night is an hour longer",
            "2026-10-24 20:00",
            "open until 2026-10-25 04:00, again 2026-10-25 21:00",
        )],
    );
    check(
        r#"allow: [{timeZone: Europe/Berlin, days: [Sun], start: "02:30", end: "05:00"}]"#,
        &[
            (
                "it opens at the first half past two",
                "2026-10-25 00:29",
                "closed until 2026-10-25 00:30",
            ),
            (
                "and stays open",
                "2026-10-25 00:30",
                "open until 2026-10-25 04:00, again 2026-11-01 01:30",
            ),
        ],
    );
    check(
        r#"allow: [{timeZone: Europe/Berlin, days: [Sun], start: "01:00", end: "02:30"}]"#,
        &[(
            "it closes at the second half past two",
            "2026-10-24 23:00",
            "open until 2026-10-25 01:30, again 2026-11-01 00:00",
        )],
    );
    check(
        r#"allow: [{timeZone: Europe/Berlin, days: [Sun], start: "02:15", end: "02:45"}]"#,
        &[(
            "from the first start to the second end",
            "2026-10-25 00:15",
            "open until 2026-10-25 01:45, again 2026-11-01 01:15",
        )],
    );
    check(
        r#"allow: [{timeZone: Europe/Berlin, days: [Sun], start: "01:00", end: "02:00"}]"#,
        &[(
            "two o'clock ends what is over by then",
            "2026-10-24 23:00",
            "open until 2026-10-25 00:00, again 2026-11-01 00:00",
        )],
    );
    check(
        r#"allow: [{timeZone: Europe/Berlin, days: [Sun], start: "02:00", end: "03:00"}]"#,
        &[(
            "both hours",
            "2026-10-25 00:00",
            "open until 2026-10-25 02:00, again 2026-11-01 01:00",
        )],
    );
}

#[test]
fn new_york() {
    let yaml =
        r#"allow: [{timeZone: America/New_York, days: [Sun], start: "01:30", end: "02:30"}]"#;
    check(
        yaml,
        &[
            (
                "spring: half an hour",
                "2026-03-08 06:30",
                "open until 2026-03-08 07:00, again 2026-03-15 05:30",
            ),
            (
                "autumn: two hours",
                "2026-11-01 05:30",
                "open until 2026-11-01 07:30, again 2026-11-08 06:30",
            ),
        ],
    );
}

#[test]
fn lord_howe_changes_by_half_an_hour() {
    check(
        r#"allow: [{timeZone: Australia/Lord_Howe, days: [Sun], start: "01:45", end: "02:15"}]"#,
        &[
            (
                "autumn is in April: 01:30 to 02:00 twice",
                "2026-04-04 14:45",
                "open until 2026-04-04 15:45, again 2026-04-11 15:15",
            ),
            (
                "spring is in October: no 02:00 to 02:30",
                "2026-10-03 15:15",
                "open until 2026-10-03 15:30, again 2026-10-10 14:45",
            ),
        ],
    );
}

#[test]
fn apia_had_no_30_december_2011() {
    // Thursday ended at 10:00 UTC, and Saturday began.
    check(
        r#"allow: [{timeZone: Pacific/Apia, days: [Fri], start: "00:00", end: "24:00"}]"#,
        &[
            (
                "there was no such Friday",
                "2011-12-29 12:00",
                "closed until 2012-01-05 10:00",
            ),
            (
                "not for a moment",
                "2011-12-30 10:00",
                "closed until 2012-01-05 10:00",
            ),
        ],
    );
    check(
        r#"allow: [{timeZone: Pacific/Apia, days: [Thu, Fri], start: "22:00", end: "05:00"}]"#,
        &[(
            "nights go on where the clock does",
            "2011-12-30 08:00",
            "open until 2011-12-30 15:00, again 2012-01-05 08:00",
        )],
    );
    check(
        r#"
allow: [{timeZone: Pacific/Apia, days: [Thu, Sat], start: "00:00", end: "24:00"}]
exclude: [{timeZone: Pacific/Apia, firstDate: "2011-12-30", lastDate: "2011-12-30"}]
"#,
        &[(
            "Thursday and Saturday touch, the excluded day was none",
            "2011-12-29 20:00",
            "open until 2011-12-31 10:00, again 2012-01-04 10:00",
        )],
    );
}

#[test]
fn days_whose_midnight_is_not_or_twice() {
    // Havana: 10 March 2024 begins at 01:00 (05:00 UTC); on 3 November the clock goes
    // from 01:00 back to 00:00 (05:00 UTC).
    let saturday =
        r#"allow: [{timeZone: America/Havana, days: [Sat], start: "00:00", end: "24:00"}]"#;
    let sunday =
        r#"allow: [{timeZone: America/Havana, days: [Sun], start: "00:00", end: "24:00"}]"#;
    check(
        saturday,
        &[
            (
                "ends where Sunday begins",
                "2024-03-09 05:00",
                "open until 2024-03-10 05:00, again 2024-03-16 04:00",
            ),
            (
                "ends at the first midnight",
                "2024-11-02 04:00",
                "open until 2024-11-03 04:00, again 2024-11-09 05:00",
            ),
        ],
    );
    check(
        sunday,
        &[
            (
                "23 hours",
                "2024-03-10 05:00",
                "open until 2024-03-11 04:00, again 2024-03-17 04:00",
            ),
            (
                "25 hours",
                "2024-11-03 04:00",
                "open until 2024-11-04 05:00, again 2024-11-10 05:00",
            ),
        ],
    );
    // St. John's went from 00:01 of Sunday back to 23:01 of Saturday (02:31 UTC).
    check(
        r#"allow: [{timeZone: America/St_Johns, days: [Sat], start: "00:00", end: "24:00"}]"#,
        &[(
            "Saturday is over at its second end",
            "2010-11-07 02:30",
            "open until 2010-11-07 03:30, again 2010-11-13 03:30",
        )],
    );
    check(
        r#"allow: [{timeZone: America/St_Johns, days: [Fri], start: "23:30", end: "23:15"}]"#,
        &[(
            "at a Sunday's first minute Friday's window is open",
            "2010-11-07 02:30",
            "open until 2010-11-07 02:45, again 2010-11-13 03:00",
        )],
    );
}
