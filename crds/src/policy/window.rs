//! When disruptions may begin.

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use crate::schema::{atomic, rule, rule_at, set};
use crate::string_enum::string_enum;

/// When disruptions may begin. Work in flight goes on when a window closes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Windows {
    /// Weekly times in which disruptions may begin. Empty, the default: always.
    /// At most 16.
    #[schemars(length(max = 16), transform = atomic)]
    pub allow: Vec<Window>,

    /// Times in which no disruption may begin, even within an allowed window:
    /// holidays, change freezes, Friday evenings. At most 64.
    #[schemars(length(max = 64), transform = atomic)]
    pub exclude: Vec<Exclusion>,

    /// Which remedies are bound to these times. 1 to 4, default Reboot and
    /// Cordon.
    #[schemars(length(min = 1, max = 4), transform = set)]
    pub applies_to: Vec<WindowedAction>,
}

/// A weekly time in which disruptions may begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule_at(
    ".end",
    "self.start != self.end",
    "windows.allow.end: write another time than start; for a whole day write start: \"00:00\" and end: \"24:00\"",
))]
pub struct Window {
    /// The IANA time zone of start and end, such as Europe/Berlin. Daylight
    /// saving time is followed. Default UTC.
    #[serde(default = "default_time_zone")]
    #[schemars(length(min = 1, max = 64), transform = time_zone("windows.allow.timeZone"))]
    pub time_zone: String,

    /// The days on which the window opens. 1 to 7, default all.
    #[serde(default = "default_days")]
    #[schemars(length(min = 1, max = 7), transform = set)]
    pub days: Vec<Weekday>,

    /// When it opens, as hh:mm from 00:00 to 23:59, in quotes.
    #[schemars(length(max = 16), transform = time_of_day("windows.allow.start", false))]
    pub start: String,

    /// When it closes, as hh:mm from 00:00 to 24:00, in quotes. At or before the
    /// start it means the next day: from "22:00" to "05:00" wraps midnight.
    #[schemars(length(max = 16), transform = time_of_day("windows.allow.end", true))]
    pub end: String,
}

/// A time in which no disruption may begin. All that is given must apply: dates,
/// days and hours; at least one of them must be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    transform = rule(
        "has(self.days) || has(self.firstDate) || has(self.lastDate) || has(self.start) || has(self.end)",
        "windows.exclude: write days, dates or hours, such as days: [Fri]; to exclude all times set spec.suspend",
    ),
    transform = rule(
        "has(self.firstDate) == has(self.lastDate)",
        "windows.exclude: write both firstDate and lastDate, or neither; for one day write it twice",
    ),
    transform = rule_at(
        ".lastDate",
        "!has(self.firstDate) || !has(self.lastDate) || self.firstDate <= self.lastDate",
        "windows.exclude.lastDate: write no earlier day than firstDate",
    ),
    transform = rule(
        "has(self.start) == has(self.end)",
        "windows.exclude: write both start and end, or neither for whole days",
    ),
    transform = rule_at(
        ".end",
        "!has(self.start) || !has(self.end) || self.start != self.end",
        "windows.exclude.end: write another time than start; for whole days write neither",
    ),
)]
pub struct Exclusion {
    /// Why, for the status and for colleagues. At most 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub reason: Option<String>,

    /// The IANA time zone of dates and hours, such as Europe/Berlin. Default UTC.
    #[serde(default = "default_time_zone")]
    #[schemars(length(min = 1, max = 64), transform = time_zone("windows.exclude.timeZone"))]
    pub time_zone: String,

    /// The first excluded day, such as "2026-12-21", in quotes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), extend("format" = "date"))]
    pub first_date: Option<String>,

    /// The last excluded day, such as "2027-01-06", in quotes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), extend("format" = "date"))]
    pub last_date: Option<String>,

    /// Only on these days of the week; hours that wrap midnight belong to the
    /// day on which they start. 1 to 7; left out: on all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 7), transform = set)]
    pub days: Option<Vec<Weekday>>,

    /// Only from this time of the day on, as hh:mm from 00:00 to 23:59, in
    /// quotes. Left out, with end: all day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), transform = time_of_day("windows.exclude.start", false))]
    pub start: Option<String>,

    /// Only until this time, as hh:mm from 00:00 to 24:00, in quotes. At or
    /// before the start it means the next day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), transform = time_of_day("windows.exclude.end", true))]
    pub end: Option<String>,
}

string_enum! {
    /// A day of the week.
    pub enum Weekday {
        /// Monday.
        Mon,
        /// Tuesday.
        Tue,
        /// Wednesday.
        Wed,
        /// Thursday.
        Thu,
        /// Friday.
        Fri,
        /// Saturday.
        Sat,
        /// Sunday.
        Sun,
    }
}

string_enum! {
    /// A remedy that windows can bind.
    pub enum WindowedAction {
        /// Remedies that reboot.
        Reboot,
        /// Remedies that cordon for a human.
        Cordon,
        /// Remedies that drop caches.
        DropCaches,
        /// Remedies that hand over.
        HandOver,
    }
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            exclude: Vec::new(),
            applies_to: vec![WindowedAction::Reboot, WindowedAction::Cordon],
        }
    }
}

fn default_time_zone() -> String {
    "UTC".to_owned()
}

fn default_days() -> Vec<Weekday> {
    Weekday::ALL.to_vec()
}

/// The API server takes more names than the IANA database has (`Local`,
/// `+02:00`, `posix/...`), and we could not follow them: the pattern refuses
/// those, the conversion refuses what the server's database lacks.
fn time_zone(field: &str) -> impl FnMut(&mut Schema) + use<> {
    rule(
        "self != 'Local' && self.matches('^(UTC|[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+)+)$') \
         && timestamp('2024-01-01T00:00:00Z').getHours(self) >= 0",
        &format!(
            "{field}: write UTC or a name of the IANA time zone database, such as Europe/Berlin"
        ),
    )
}

fn time_of_day(field: &str, end_of_day: bool) -> impl FnMut(&mut Schema) + use<> {
    let (pattern, last) = if end_of_day {
        ("^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", "24:00")
    } else {
        ("^([01][0-9]|2[0-3]):[0-5][0-9]$", "23:59")
    };
    rule(
        &format!("self.matches('{pattern}')"),
        &format!(
            "{field}: write a time from 00:00 to {last} with two digits each, such as \"05:30\""
        ),
    )
}
