//! Windows and times from text, and views as text.

use jiff::Timestamp;
use unstall_crds::policy::Windows;
use unstall_decide::window::{View, at};

/// One situation: its name, when, and what is told of it.
pub type Row<'a> = (&'a str, &'a str, &'a str);

/// Windows from YAML.
pub fn windows(yaml: &str) -> Windows {
    serde_saphyr::from_str(yaml).unwrap_or_else(|why| panic!("{why}:\n{yaml}"))
}

/// A time such as `2026-03-29 01:00`, of UTC.
pub fn time(text: &str) -> Timestamp {
    let (date, clock) = text.split_once(' ').unwrap();
    let text = format!("{date}T{clock}:00Z");
    text.parse().unwrap_or_else(|why| panic!("{text}: {why}"))
}

/// A time as the tables have it.
pub fn told(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M").to_string()
}

/// `open until X, again Y`, `closed until X`, with why.
pub fn view(view: &View) -> String {
    let closes = view.closes.map(told);
    let next = view.next_opening.map(told);
    let mut text = match (view.open, closes, next) {
        (true, None, None) => "open for ever".to_owned(),
        (true, Some(closes), None) => format!("open until {closes}"),
        (true, Some(closes), Some(next)) => format!("open until {closes}, again {next}"),
        (false, None, Some(next)) => format!("closed until {next}"),
        (false, None, None) => "closed".to_owned(),
        (_, closes, next) => format!("nonsense: closes {closes:?}, opens {next:?}"),
    };
    if let Some(why) = &view.excluded {
        text = format!("{text} ({why})");
    }
    text
}

/// Holds each row against what is told.
pub fn check(yaml: &str, rows: &[Row<'_>]) {
    let windows = windows(yaml);
    for (name, now, expected) in rows {
        let seen = at(&windows, time(now)).unwrap_or_else(|bad| panic!("{name}: {bad}"));
        assert_eq!(view(&seen), *expected, "{name}, at {now}, with\n{yaml}");
    }
}
