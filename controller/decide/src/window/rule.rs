//! One window or exclusion: on which days it starts, and from when to when.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::clock;

/// A time of the day in minutes after midnight; the next day's go on from there.
pub type Minutes = i16;

/// The minutes of a day, as its clock counts them.
pub const DAY: Minutes = 24 * 60;

/// A stretch of civil time on each of some days. It belongs to the day on which
/// it starts.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Whose clock.
    pub zone: TimeZone,
    /// On which days of the week.
    pub days: Vec<Weekday>,
    /// Only on days from one to another, both included.
    pub dates: Option<(Date, Date)>,
    /// When it starts.
    pub start: Minutes,
    /// When it ends, after `start` and at most a day after it.
    pub end: Minutes,
}

/// From `start` on, until `end` and without it. Never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Its first moment.
    pub start: Timestamp,
    /// The first moment after it.
    pub end: Timestamp,
}

/// Walks through the stretches of a rule. Those of later days start later and
/// end later.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    rule: &'a Rule,
    now: Timestamp,
    stretch: Option<Stretch>,
    next: Option<Date>,
}

impl Rule {
    /// Its stretch of `day`, unless the clock skipped all of it.
    fn stretch(&self, day: Date) -> Option<Stretch> {
        let start = clock::first_shows(&self.zone, civil(day, self.start)?);
        let end = clock::shows_for_good(&self.zone, civil(day, self.end)?);
        (start < end).then_some(Stretch { start, end })
    }
}

impl<'a> Cursor<'a> {
    /// Stands at `now`.
    #[must_use]
    pub fn new(rule: &'a Rule, now: Timestamp) -> Self {
        let mut cursor = Self {
            rule,
            now,
            stretch: None,
            next: Some(rule.dates.map_or(Date::MIN, |(from, _)| from)),
        };
        cursor.seek();
        cursor
    }

    /// Goes on to `time`, and never back.
    pub fn advance(&mut self, time: Timestamp) {
        self.now = time;
        if self.stretch.is_some_and(|stretch| stretch.end <= time) {
            self.seek();
        }
    }

    /// Finds the first stretch that is not over.
    fn seek(&mut self) {
        // A stretch ends on the day after its own at the latest, and the clock may
        // yet be put back over midnight. What was before may be ages of days.
        let today = self.rule.zone.to_datetime(self.now).date();
        let first = today.saturating_sub(Span::new().days(2));
        self.next = self.next.map(|day| day.max(first));
        self.stretch = self.following();
        while self.stretch.is_some_and(|stretch| stretch.end <= self.now) {
            self.stretch = self.following();
        }
    }

    /// When the stretch ends in which it stands.
    #[must_use]
    pub fn ends(&self) -> Option<Timestamp> {
        let stretch = self.stretch.filter(|stretch| stretch.start <= self.now)?;
        Some(stretch.end)
    }

    /// When the next stretch starts, where it stands in none.
    #[must_use]
    pub fn starts(&self) -> Option<Timestamp> {
        self.stretch.map(|stretch| stretch.start)
    }

    /// The rule's time zone.
    #[must_use]
    pub const fn zone(&self) -> &'a TimeZone {
        &self.rule.zone
    }

    fn following(&mut self) -> Option<Stretch> {
        while let Some(day) = self.next {
            if self.rule.dates.is_some_and(|(_, last)| day > last) {
                return None;
            }
            self.next = day.tomorrow().ok();
            if self.rule.days.contains(&day.weekday())
                && let Some(stretch) = self.rule.stretch(day)
            {
                return Some(stretch);
            }
        }
        None
    }
}

/// `minutes` after the midnight with which `day` begins; None after the last day
/// of the calendar.
fn civil(day: Date, minutes: Minutes) -> Option<DateTime> {
    let day = if minutes < DAY {
        day
    } else {
        day.tomorrow().ok()?
    };
    let of_day = i8::try_from(minutes % DAY / 60).ok()?;
    let of_hour = i8::try_from(minutes % 60).ok()?;
    Some(day.to_datetime(Time::new(of_day, of_hour, 0, 0).ok()?))
}
