//! What cannot be understood is named, with what to write, and opens nothing.

use unstall_crds::policy::Windows;
use unstall_decide::window::{at, closed_text, problem};

use crate::read::{time, windows};

fn check(yaml: &str, expected: &str) {
    refuse(&windows(yaml), expected);
}

fn refuse(windows: &Windows, expected: &str) {
    let bad = problem(windows).unwrap_or_else(|| panic!("was understood: {windows:?}"));
    let text = bad.to_string();
    let (field, instead) = expected.split_once(" ... ").unwrap_or((expected, ""));
    let is_it = text.starts_with(&format!("spec.disruption.windows.{field}"));
    assert!(is_it && text.contains(instead), "{text}\n{expected}");
    let now = time("2026-01-05 09:00");
    assert_eq!(at(windows, now), Err(bad));
    assert_eq!(closed_text(windows, now), Some(text));
}

#[test]
fn time_zones_are_those_of_our_own_database() {
    let hours = r#"start: "08:00", end: "10:00""#;
    let good = format!("{{{hours}}}");
    for name in [
        "Europe/Bonn",
        "europe/berlin",
        "EUROPE/BERLIN",
        "Local",
        "+02:00",
        "right/Europe/Berlin",
        "posix/UTC",
        "",
    ] {
        let yaml = format!("allow: [{good}, {{timeZone: \"{name}\", {hours}}}]");
        let is = if name.is_empty() {
            "missing".to_owned()
        } else {
            format!("\"{name}\"")
        };
        check(
            &yaml,
            &format!("allow[1].timeZone is {is}: ... write UTC or a name"),
        );
    }
    check(
        "exclude: [{days: [Fri]}, {timeZone: Mars/Base, days: [Fri]}]",
        "exclude[1].timeZone is \"Mars/Base\": ... such as Europe/Berlin",
    );
    for name in [
        "UTC",
        "Europe/Berlin",
        "Europe/Kyiv",
        "America/Argentina/Buenos_Aires",
        "Etc/GMT+5",
    ] {
        let yaml = format!("exclude: [{{timeZone: {name}, days: [Fri]}}]");
        assert_eq!(problem(&windows(&yaml)), None, "{name}");
    }
}

#[test]
fn the_parts_of_what_is_bad() {
    let bad = problem(&windows(r#"allow: [{start: "8:00", end: "10:00"}]"#)).unwrap();
    assert_eq!(bad.field, "spec.disruption.windows.allow[0].start");
    assert_eq!(bad.value, "8:00");
    assert!(bad.instead.starts_with("write a time from 00:00 to 23:59"));
}

#[test]
fn times_have_two_digits_each() {
    for time in [
        "", "24:00", "8:00", "08:0", "008:00", "08:000", "08-00", "0800", "08:60", "25:00",
        "+8:00", "08:00:00", "٠٨:00",
    ] {
        check(
            &format!(r#"allow: [{{start: "{time}", end: "10:00"}}]"#),
            "allow[0].start is ... from 00:00 to 23:59",
        );
    }
    for time in ["", "24:01", "24:30", "8:00", "29:00"] {
        check(
            &format!(r#"allow: [{{start: "10:00", end: "{time}"}}]"#),
            "allow[0].end is ... from 00:00 to 24:00",
        );
    }
    check(
        r#"allow: [{start: "10:00", end: "10:00"}]"#,
        "allow[0].end is \"10:00\": ... another time than start",
    );
    check(
        r#"exclude: [{start: "10:00", end: "10:00"}]"#,
        "exclude[0].end is \"10:00\": ... another time than start",
    );
    check(
        r#"exclude: [{days: [Fri], start: "10:00"}]"#,
        "exclude[0].end is missing: ... 24:00",
    );
    check(
        r#"exclude: [{days: [Fri], end: "10:00"}]"#,
        "exclude[0].start is missing: ... 23:59",
    );
    for time in ["00:00", "23:59"] {
        let yaml = format!(r#"allow: [{{start: "{time}", end: "24:00"}}]"#);
        assert_eq!(problem(&windows(&yaml)), None, "{time}");
    }
}

#[test]
fn dates_are_days_of_the_calendar() {
    for date in [
        "",
        "2026-02-29",
        "2026-13-01",
        "2026-1-01",
        "20260101",
        "2026-W01-1",
        "2026-01-01T00:00:00Z",
        "2026-01-0x",
        "+026-01-01",
        "26-01-01",
    ] {
        let yaml = format!(r#"exclude: [{{firstDate: "{date}", lastDate: "2026-12-31"}}]"#);
        check(&yaml, "exclude[0].firstDate is ... write a day such as");
        let yaml = format!(r#"exclude: [{{firstDate: "2026-01-01", lastDate: "{date}"}}]"#);
        check(&yaml, "exclude[0].lastDate is ... write a day such as");
    }
    check(
        r#"exclude: [{firstDate: "2026-01-01"}]"#,
        "exclude[0].lastDate is missing: ... need each other",
    );
    check(
        r#"exclude: [{lastDate: "2026-01-01"}]"#,
        "exclude[0].firstDate is missing: ... need each other",
    );
    check(
        r#"exclude: [{firstDate: "2026-01-02", lastDate: "2026-01-01"}]"#,
        "exclude[0].lastDate is \"2026-01-01\": ... no earlier day",
    );
    let one = r#"exclude: [{firstDate: "2028-02-29", lastDate: "2028-02-29"}]"#;
    assert_eq!(problem(&windows(one)), None);
}

#[test]
fn empty_lists_say_nothing() {
    check(
        r#"allow: [{days: [], start: "08:00", end: "10:00"}]"#,
        "allow[0].days is missing: ... 1 to 7 days",
    );
    check(
        r#"exclude: [{days: []}]"#,
        "exclude[0].days is missing: ... 1 to 7 days",
    );
    check(
        "exclude: [{reason: quiet}]",
        "exclude[0].days is missing: ... days, dates or hours",
    );
    check("appliesTo: []", "appliesTo is missing: ... which remedies");
    assert_eq!(problem(&Windows::default()), None);
}
