//! What the clock forbids.

use jiff::{SignedDuration, Timestamp};
use unstall_crds::ledger::HistoryEntry;
use unstall_crds::policy::{NodeHealthPolicy, RemedyKind, WindowedAction};
use unstall_decide::{Node, Snapshot};

use super::facts::{covering, ledger};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn signed(duration: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap()
}

/// Whether windows or exclusions of all days, in UTC, forbid it now. Others are
/// left to their own tests.
pub fn is_shut(snapshot: &Snapshot, node: &Node, kind: RemedyKind) -> bool {
    covering(snapshot, node).any(|policy| {
        let windows = &policy.spec.disruption.windows;
        let binds = windows
            .applies_to
            .iter()
            .any(|it: &WindowedAction| it.as_str() == kind.as_str());
        let minute = snapshot.now.strftime("%H:%M").to_string();
        let within = |start: &str, end: &str| match start < end {
            true => start <= minute.as_str() && minute.as_str() < end,
            false => start <= minute.as_str() || minute.as_str() < end,
        };
        let is_plain = windows
            .allow
            .iter()
            .all(|it| it.time_zone == "UTC" && it.days.len() == 7)
            && windows.exclude.is_empty();
        let mut allow = windows.allow.iter();
        let is_open = windows.allow.is_empty() || allow.any(|it| within(&it.start, &it.end));
        binds && is_plain && !is_open
    })
}

fn of_node<'a>(
    history: &'a [HistoryEntry],
    node: &'a Node,
) -> impl Iterator<Item = &'a HistoryEntry> {
    history.iter().filter(|entry| entry.node == node.name)
}

/// Whether the node was treated a moment ago.
pub fn is_cooling_down(snapshot: &Snapshot, node: &Node) -> bool {
    let history = ledger(snapshot).history;
    covering(snapshot, node).any(|policy| {
        let cooldown = signed(policy.spec.disruption.cooldown_per_node.get());
        of_node(&history, node).any(|entry| is_within(snapshot, entry.at.0, cooldown))
    })
}

/// Whether it was rebooted as often as some policy allows.
pub fn is_rebooted_out(snapshot: &Snapshot, node: &Node) -> bool {
    let history = ledger(snapshot).history;
    let reboots = of_node(&history, node).filter(|entry| {
        entry.action == RemedyKind::Reboot && snapshot.now.duration_since(entry.at.0) < DAY
    });
    let reboots = reboots.count();
    covering(snapshot, node)
        .any(|policy| reboots >= usize::from(policy.spec.disruption.max_reboots_per_node_per_24h))
}

/// Whether a disruption ended a moment ago.
pub fn is_pausing(snapshot: &Snapshot, node: &Node) -> bool {
    let Some(last) = ledger(snapshot).last_disruption else {
        return false;
    };
    covering(snapshot, node).any(|policy: &NodeHealthPolicy| {
        let pause = signed(policy.spec.disruption.pause_between.get());
        is_within(snapshot, last.0, pause)
    })
}

/// Whether it was less than `span` ago; what comes in more than a quarter of an hour was
/// written by a clock that was wrong.
fn is_within(snapshot: &Snapshot, at: Timestamp, span: SignedDuration) -> bool {
    let ago = snapshot.now.duration_since(at);
    ago < span && ago >= SignedDuration::from_mins(-15)
}

/// Whether the history keeps what was done for long enough.
pub fn is_kept(snapshot: &Snapshot, node: &Node, entry: &HistoryEntry) -> bool {
    let kept = entry.until.0.duration_since(entry.at.0);
    kept >= DAY
        && covering(snapshot, node)
            .all(|policy| kept >= signed(policy.spec.disruption.cooldown_per_node.get()))
}
