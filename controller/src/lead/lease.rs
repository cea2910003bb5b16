//! (pure) What a lease says, and what follows from it.
//!
//! That a lease ran out is seen by watching it stay as it is for as long as it
//! lasts, by one's own clock. The times that stand in it were written by somebody
//! else's and are for people alone: however wrong any wall clock is, nobody leads
//! earlier or later for it.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The longest that a lease may last, whatever it says of itself.
pub const LONGEST: Duration = Duration::from_secs(300);

/// The smallest step of the times in a lease.
const TICK: SignedDuration = SignedDuration::from_micros(1);

/// How long a lease lasts, and how it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// For how long nobody else may take it after a renewal.
    pub duration: Duration,
    /// For how long its holder acts after the start of a renewal that succeeded.
    /// The rest of `duration` is for calls that are under way by then, and for
    /// clocks that do not run alike.
    pub renew_deadline: Duration,
    /// The pause between two looks, and between two renewals.
    pub retry: Duration,
}

/// What a lease says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Who holds it; nobody where it is empty.
    pub holder: String,
    /// How long it lasts; `None` where it does not say, or says what is no time.
    pub duration: Option<Duration>,
    /// When its holder took it.
    pub acquired: Option<Timestamp>,
    /// When it was renewed last.
    pub renewed: Option<Timestamp>,
    /// How often its holder changed.
    pub transitions: i32,
}

/// What somebody who wants the lease does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Write this, if the lease is still as it was seen.
    Write(Record),
    /// Wait: it is held.
    Wait {
        /// By whom.
        holder: String,
    },
}

/// Somebody who wants the lease, and since when it has stayed as it is.
#[derive(Debug, Clone)]
pub struct Candidate {
    identity: String,
    terms: Terms,
    seen: Option<(Record, Duration)>,
}

impl Candidate {
    /// One that has seen nothing yet. No other process has its `identity`.
    #[must_use]
    pub const fn new(identity: String, terms: Terms) -> Self {
        Self {
            identity,
            terms,
            seen: None,
        }
    }

    /// What to do about the lease as it was read; `now` is a time after the answer
    /// came, `wall` what the wall clock says.
    pub fn decide(&mut self, live: Option<&Record>, now: Duration, wall: Timestamp) -> Decision {
        let Some(live) = live else {
            self.seen = None;
            return Decision::Write(self.taken(None, wall));
        };
        if live.holder == self.identity {
            // A write of ours whose answer was lost.
            return Decision::Write(renewed(live, self.terms.duration, wall));
        }
        if live.holder.is_empty() || self.has_run_out(live, now) {
            return Decision::Write(self.taken(Some(live), wall));
        }
        Decision::Wait {
            holder: live.holder.clone(),
        }
    }

    fn has_run_out(&mut self, live: &Record, now: Duration) -> bool {
        match &self.seen {
            Some((seen, since)) if seen == live => {
                now.saturating_sub(*since) >= lasts(live, self.terms.duration)
            }
            _ => {
                self.seen = Some((live.clone(), now));
                false
            }
        }
    }

    fn taken(&self, live: Option<&Record>, wall: Timestamp) -> Record {
        Record {
            holder: self.identity.clone(),
            duration: Some(self.terms.duration),
            acquired: Some(wall),
            renewed: Some(wall),
            transitions: live.map_or(0, |live| live.transitions.saturating_add(1)),
        }
    }
}

/// What the holder `identity` writes next; `None` once the lease is not its own,
/// whoever took it away: then it does not lead.
#[must_use]
pub fn renewal(
    identity: &str,
    terms: Terms,
    live: Option<&Record>,
    wall: Timestamp,
) -> Option<Record> {
    let live = live.filter(|live| live.holder == identity)?;
    Some(renewed(live, terms.duration, wall))
}

/// What a holder that gives its lease up writes.
#[must_use]
pub fn released(identity: &str, live: Option<&Record>) -> Option<Record> {
    let live = live.filter(|live| live.holder == identity)?;
    Some(Record {
        holder: String::new(),
        ..live.clone()
    })
}

/// Every renewal differs from the one before, so that others see it: a wall clock
/// that stands still or goes back would else write the same again.
fn renewed(live: &Record, duration: Duration, wall: Timestamp) -> Record {
    let next = live.renewed.and_then(|last| last.checked_add(TICK).ok());
    Record {
        duration: Some(duration),
        renewed: Some(next.map_or(wall, |next| wall.max(next))),
        ..live.clone()
    }
}

/// How long a lease lasts: as long as its holder says, which may be more than we
/// would. What says nothing, or what no holder of ours writes, is not believed.
fn lasts(live: &Record, ours: Duration) -> Duration {
    live.duration.unwrap_or_default().max(ours).min(LONGEST)
}
