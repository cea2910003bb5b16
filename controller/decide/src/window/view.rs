//! What is asked of a policy's windows.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use unstall_crds::policy::{RemedyKind, WindowStatus, WindowedAction, Windows};

use super::BadWindow;
use super::schedule::{self, Schedule};
use super::sweep::Sweep;
use crate::record;

/// The API's bound on the reason of an exclusion.
const REASON: usize = 128;

/// The windows at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Whether disruptions may begin.
    pub open: bool,
    /// When they may no longer; None when they may not now, or for ever.
    pub closes: Option<Timestamp>,
    /// When they may next, after the closing where they may now; None when they
    /// may for ever, or not within a year.
    pub next_opening: Option<Timestamp>,
    /// Why not, of the exclusion that is on.
    pub excluded: Option<String>,
}

/// The first thing of `windows` that cannot be understood.
#[must_use]
pub fn problem(windows: &Windows) -> Option<BadWindow> {
    Schedule::read(windows).err()
}

/// Whether remedies of that kind are bound to `windows`.
#[must_use]
pub fn binds(windows: &Windows, kind: RemedyKind) -> bool {
    let action = match kind {
        RemedyKind::DropCaches => WindowedAction::DropCaches,
        RemedyKind::Reboot => WindowedAction::Reboot,
        RemedyKind::Cordon => WindowedAction::Cordon,
        RemedyKind::HandOver => WindowedAction::HandOver,
    };
    windows.applies_to.contains(&action)
}

/// How `windows` stand at `now`.
///
/// # Errors
/// With what cannot be understood of them.
pub fn at(windows: &Windows, now: Timestamp) -> Result<View, BadWindow> {
    let schedule = Schedule::read(windows)?;
    let mut sweep = Sweep::new(&schedule, now);
    let open = sweep.is_open();
    let excluded = sweep.exclusion().map(|(index, _)| reason(windows, index));
    let closes = if open { sweep.close() } else { None };
    let is_for_ever = open && closes.is_none();
    Ok(View {
        open,
        closes,
        next_opening: if is_for_ever { None } else { sweep.open() },
        excluded,
    })
}

/// When disruptions may begin next: `from` itself when they may then, None when
/// not within a year or when `windows` cannot be understood.
#[must_use]
pub fn next_open(windows: &Windows, from: Timestamp) -> Option<Timestamp> {
    let schedule = Schedule::read(windows).ok()?;
    Sweep::new(&schedule, from).open()
}

/// When `work` of open time has passed since `from`, None beyond a year or when
/// `windows` cannot be understood. No work is done at once, open or not.
#[must_use]
pub fn after_open_time(
    windows: &Windows,
    from: Timestamp,
    work: SignedDuration,
) -> Option<Timestamp> {
    let schedule = Schedule::read(windows).ok()?;
    let mut sweep = Sweep::new(&schedule, from);
    let mut left = work;
    let mut done = from;
    while left.is_positive() {
        let opens = sweep.open()?;
        done = opens.checked_add(left).ok()?;
        left = match sweep.close() {
            Some(closes) if closes < done => done.duration_since(closes),
            _ => SignedDuration::ZERO,
        };
    }
    (done <= sweep.horizon()).then_some(done)
}

/// Why the exclusion at `index` is there, in at most 128 characters.
pub fn reason(windows: &Windows, index: usize) -> String {
    let exclusion = windows.exclude.get(index);
    let given = exclusion.and_then(|exclusion| exclusion.reason.as_deref());
    match given.filter(|reason| !reason.is_empty()) {
        Some(reason) => record::cut(reason, REASON),
        None => schedule::exclusion_path(index),
    }
}

impl From<View> for WindowStatus {
    fn from(view: View) -> Self {
        Self {
            open: view.open,
            closes: view.closes.map(Time),
            next_opening: view.next_opening.map(Time),
            excluded: view.excluded,
        }
    }
}
