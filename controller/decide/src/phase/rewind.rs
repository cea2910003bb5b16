//! Times that are still to come: whoever led when the phase began had a clock that was
//! ahead, or this one's is behind.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use unstall_crds::remediation::NodeRemediationStatus;

/// As far apart as clocks are that somebody keeps.
const TOLERATED: SignedDuration = SignedDuration::from_secs(30);

/// Lets a phase that has not begun yet begin now, or it would last until its
/// beginning: waiting is measured anew, never cut short.
pub fn rewind(status: &mut NodeRemediationStatus, now: Timestamp) {
    let Some(since) = status.phase_since.as_ref().map(|it| it.0) else {
        return;
    };
    let ahead = since.duration_since(now);
    if ahead <= TOLERATED {
        return;
    }
    let earlier = |time: &mut Time| time.0 = time.0.checked_sub(ahead).unwrap_or(now);
    status.phase_since = Some(Time(now));
    if let Some(deadline) = &mut status.phase_deadline {
        earlier(deadline);
    }
    if let Some(good) = &mut status.good_since {
        earlier(good);
    }
    if let Some(gate) = &mut status.gate {
        earlier(&mut gate.since);
    }
}
