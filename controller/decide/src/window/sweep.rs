//! Walks through all windows and exclusions at once, forward in time.

use jiff::{SignedDuration, Timestamp};

use super::rule::Cursor;
use super::schedule::Schedule;

/// How far anybody looks ahead: a year, leap days included.
const YEAR: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Where `now` stands in every window and exclusion.
#[derive(Debug, Clone)]
pub struct Sweep<'a> {
    now: Timestamp,
    horizon: Timestamp,
    allow: Vec<Cursor<'a>>,
    exclude: Vec<Cursor<'a>>,
}

impl<'a> Sweep<'a> {
    /// Stands at `now` and looks a year ahead.
    #[must_use]
    pub fn new(schedule: &'a Schedule, now: Timestamp) -> Self {
        let cursors = |rules: &'a [_]| rules.iter().map(|rule| Cursor::new(rule, now)).collect();
        Self {
            now,
            horizon: now.saturating_add(YEAR).unwrap_or(Timestamp::MAX),
            allow: cursors(&schedule.allow),
            exclude: cursors(&schedule.exclude),
        }
    }

    /// Where its look ahead ends.
    #[must_use]
    pub const fn horizon(&self) -> Timestamp {
        self.horizon
    }

    /// Whether disruptions may begin.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_allowed() && self.exclusion().is_none()
    }

    /// The window that is open, exclusions aside: the first of the policy.
    #[must_use]
    pub fn window(&self) -> Option<&Cursor<'a>> {
        self.allow.iter().find(|window| window.ends().is_some())
    }

    /// The exclusion that is on, with its place: the first of the policy.
    #[must_use]
    pub fn exclusion(&self) -> Option<(usize, &Cursor<'a>)> {
        let mut all = self.exclude.iter().enumerate();
        all.find(|(_, exclusion)| exclusion.ends().is_some())
    }

    /// Goes to where no exclusion is on; None beyond a year.
    pub fn leave_exclusions(&mut self) -> Option<Timestamp> {
        while self.now <= self.horizon {
            let Some(end) = self.exclude.iter().filter_map(Cursor::ends).max() else {
                return Some(self.now);
            };
            self.advance(end);
        }
        None
    }

    /// Goes to where disruptions may begin, if they may not yet; None beyond a
    /// year.
    pub fn open(&mut self) -> Option<Timestamp> {
        while let Some(now) = self.leave_exclusions() {
            if self.is_allowed() {
                return Some(now);
            }
            let next = self.allow.iter().filter_map(Cursor::starts).min()?;
            self.advance(next);
        }
        None
    }

    /// Goes to where disruptions may no longer begin; None where that is never.
    pub fn close(&mut self) -> Option<Timestamp> {
        let excluded = self.exclude.iter().filter_map(Cursor::starts).min();
        // Windows that overlap or follow each other close as one. Such as leave
        // no gap for a year leave none; an exclusion has dates and may be far off.
        while self.now <= self.horizon {
            let Some(end) = self.allow.iter().filter_map(Cursor::ends).max() else {
                break;
            };
            if excluded.is_some_and(|start| start <= end) {
                break;
            }
            self.advance(end);
            if !self.is_allowed() {
                return Some(end);
            }
        }
        self.advance(excluded?);
        excluded
    }

    fn is_allowed(&self) -> bool {
        self.allow.is_empty() || self.window().is_some()
    }

    fn advance(&mut self, time: Timestamp) {
        self.now = time;
        for cursor in self.allow.iter_mut().chain(&mut self.exclude) {
            cursor.advance(time);
        }
    }
}
