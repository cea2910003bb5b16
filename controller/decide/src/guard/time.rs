//! What the clock and the past forbid: windows, pauses, cool-downs, caps.

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use unstall_crds::condition::BlockedReason;
use unstall_crds::ledger::HistoryEntry;
use unstall_crds::policy::{NodeHealthPolicy, RemedyKind};

use super::Ask;
use crate::judge::{add, signed};
use crate::no::No;
use crate::view::View;
use crate::{Node, record, window};

/// The caps are per this time.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// By so much the clocks of two leaders may differ.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(15);

/// Whether a time that was written may be one that has come. One further ahead is of a
/// leader whose clock was wrong: waiting for it would hold everything up until then.
fn has_come(now: Timestamp, at: Timestamp) -> bool {
    at <= add(now, CLOCKS_DIFFER)
}

pub fn forbids(view: &View<'_>, ask: &Ask<'_>) -> Vec<No> {
    let mut reasons = Vec::new();
    if !ask.is_manual() {
        reasons.extend(shut(view, ask));
        if !ask.is_begun {
            reasons.extend(cooling_down(view, ask.node));
        }
    }
    if ask.kind == RemedyKind::Reboot {
        reasons.extend(rebooted(view, ask.node));
    }
    if ask.kind.is_disruptive() {
        reasons.extend(pausing(view, ask.node));
    }
    reasons
}

/// What was done to the node before.
pub fn of_node(view: &View<'_>, ask: &Ask<'_>) -> Vec<No> {
    let reboots = rebooted(view, ask.node).filter(|_| ask.kind == RemedyKind::Reboot);
    cooling_down(view, ask.node)
        .into_iter()
        .chain(reboots)
        .collect()
}

/// Every covering policy's windows bind.
fn shut(view: &View<'_>, ask: &Ask<'_>) -> Option<No> {
    view.covering(ask.node).find_map(|policy| {
        let windows = &policy.policy.spec.disruption.windows;
        let closed = policy.closed.as_ref();
        closed.filter(|_| window::binds(windows, ask.kind)).cloned()
    })
}

/// What the windows of `policy` forbid at `now`.
#[must_use]
pub fn closed(policy: &NodeHealthPolicy, now: Timestamp) -> Option<No> {
    let windows = &policy.spec.disruption.windows;
    let seen = match window::at(windows, now) {
        Ok(seen) if seen.open => return None,
        Ok(seen) => seen,
        Err(bad) => {
            let text = format!("policy {}: {bad}", policy.name_any());
            return Some(No::new(BlockedReason::InvalidSpec, text));
        }
    };
    let reason = match seen.excluded {
        Some(_) => BlockedReason::ExcludedTime,
        None => BlockedReason::OutsideWindow,
    };
    let why = window::closed_text(windows, now);
    let text = format!("policy {}: {}", policy.name_any(), why.unwrap_or_default());
    let no = No::new(reason, text);
    Some(match seen.next_opening {
        Some(opening) => no.until(opening),
        None => no,
    })
}

/// After an incident that did something, a node is left alone.
fn cooling_down(view: &View<'_>, node: &Node) -> Option<No> {
    let cooldowns = view.covering(node);
    let cooldown = cooldowns
        .map(|policy| signed(policy.policy.spec.disruption.cooldown_per_node.get()))
        .max()?;
    let done = view.history(&node.name).iter().map(|entry| entry.at.0);
    let ended = view
        .ended_on(&node.name)
        .iter()
        .filter_map(|remediation| remediation.status.as_ref())
        .filter(|status| record::was_tried(status))
        .filter_map(|status| status.completed_at.as_ref())
        .map(|time| time.0);
    // The ledger outlives the records of incidents.
    let last = done
        .chain(ended)
        .filter(|at| has_come(view.snapshot.now, *at))
        .max()?;
    let until = add(last, cooldown);
    (until > view.snapshot.now).then(|| {
        let text = format!(
            "the node is left alone until {until:.0}, {cooldown:#} after its last incident"
        );
        No::new(BlockedReason::CoolingDown, text).until(until)
    })
}

/// The smallest limit of all covering policies counts.
fn rebooted(view: &View<'_>, node: &Node) -> Option<No> {
    let limits = view.covering(node);
    let limit = limits
        .map(|policy| policy.policy.spec.disruption.max_reboots_per_node_per_24h)
        .min()?;
    let mut reboots: Vec<Timestamp> = in_24h(view, node)
        .filter(|entry| entry.action == RemedyKind::Reboot)
        .map(|entry| entry.at.0)
        .collect();
    reboots.sort();
    let limit = usize::from(limit);
    if reboots.len() < limit {
        return None;
    }
    // Once the oldest of those that fill the limit is a day old, there is room.
    let oldest = reboots.get(reboots.len() - limit)?;
    let until = add(*oldest, DAY);
    let text = format!(
        "the node was rebooted {} times in 24 h, {limit} are allowed; again from {until:.0} on",
        reboots.len()
    );
    Some(No::new(BlockedReason::RebootLimit, text).until(until))
}

fn pausing(view: &View<'_>, node: &Node) -> Option<No> {
    let pauses = view.covering(node);
    let pause = pauses
        .map(|policy| signed(policy.policy.spec.disruption.pause_between.get()))
        .max()?;
    let ledger = view.snapshot.ledger.as_ref()?.status.as_ref()?;
    let last = ledger.last_disruption.as_ref()?.0;
    let until = add(last, pause);
    if !has_come(view.snapshot.now, last) {
        return None;
    }
    (until > view.snapshot.now).then(|| {
        let text = format!("nothing begins until {until:.0}, {pause:#} after the last disruption");
        No::new(BlockedReason::PauseBetween, text).until(until)
    })
}

fn in_24h<'a>(view: &View<'a>, node: &Node) -> impl Iterator<Item = &'a HistoryEntry> {
    let now = view.snapshot.now;
    let day_ago = now.saturating_sub(DAY).unwrap_or(Timestamp::MIN);
    let history: Vec<&HistoryEntry> = view.history(&node.name).to_vec();
    history
        .into_iter()
        .filter(move |entry| entry.at.0 > day_ago)
}

/// How often the remedy of this name was used on `node` in the last 24 hours, by
/// the ledger, and until when the oldest of `limit` uses counts.
#[must_use]
pub fn uses_in_24h(
    view: &View<'_>,
    node: &Node,
    remedy: &str,
    limit: usize,
) -> (usize, Option<Timestamp>) {
    let mut uses: Vec<Timestamp> = in_24h(view, node)
        .filter(|entry| entry.remedy == remedy)
        .map(|entry| entry.at.0)
        .collect();
    uses.sort();
    let filling = uses.len().checked_sub(limit).and_then(|at| uses.get(at));
    (uses.len(), filling.map(|at| add(*at, DAY)))
}
