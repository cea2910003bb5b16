//! Everything that may forbid a remedy now, each with its reason and numbers.

use jiff::Timestamp;
use kube::ResourceExt;
use unstall_crds::condition::BlockedReason;
use unstall_crds::ledger::{HistoryEntry, Slot, SlotKind};
use unstall_crds::policy::{NodeHealthPolicy, Remedy};

use crate::budget::InPlace;
use crate::judge::{self, Hearing};
use crate::{Node, Snapshot, breaker, budget, record, select};

/// A reason and a sentence.
pub type Reason = (BlockedReason, String);

/// The API's bound on the ledger's history; when it is full, nothing begins.
const MAX_HISTORY: usize = 3000;

/// What forbids to begin an in-place remedy on `node` now, the most important
/// first. A later rung of an incident (`is_begun`) does not wait for the
/// cool-down that its own first rung caused.
#[must_use]
pub fn in_place(snapshot: &Snapshot, node: &Node, in_use: &InPlace, is_begun: bool) -> Vec<Reason> {
    let mut reasons = switches(snapshot, node);
    reasons.extend(node_itself(snapshot, node));
    reasons.extend(breakers(snapshot, node));
    if !is_begun {
        reasons.extend(cooling_down(snapshot, node));
    }
    if let Some((policy, used, limit)) = budget::exhausted(snapshot, node, in_use) {
        let text = format!(
            "{used} of {limit} nodes of policy {} are being cured in place: {}",
            policy.name_any(),
            users(snapshot, policy)
        );
        reasons.push((BlockedReason::InPlaceBudgetExhausted, text));
    }
    reasons
}

fn switches(snapshot: &Snapshot, node: &Node) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let Some(ledger) = &snapshot.ledger else {
        let text = "the DisruptionLedger \"cluster\" does not exist yet".to_owned();
        return vec![(BlockedReason::Paused, text)];
    };
    if let Some(pause) = ledger
        .spec
        .pause
        .as_ref()
        .filter(|pause| pause.until.0 > snapshot.now)
    {
        let text = format!("paused until {}: {}", pause.until.0, pause.reason);
        reasons.push((BlockedReason::Paused, text));
    }
    for policy in select::covering(snapshot, node) {
        if policy.spec.suspend {
            let text = format!("policy {} is suspended", policy.name_any());
            reasons.push((BlockedReason::PolicySuspended, text));
        }
    }
    // Entries that have run out are dropped with the next slot that is taken.
    let history = ledger.status.iter().flat_map(|status| &status.history);
    let running = history.filter(|entry| entry.until.0 > snapshot.now);
    if running.count() >= MAX_HISTORY {
        let text = format!("the ledger holds {MAX_HISTORY} running cool-downs, as many as it may");
        reasons.push((BlockedReason::LedgerFull, text));
    }
    reasons
}

fn node_itself(snapshot: &Snapshot, node: &Node) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if node.deleting {
        reasons.push((
            BlockedReason::NodeDeleting,
            "the Node is being deleted".to_owned(),
        ));
    }
    if let Some(annotation) = select::opted_out(node) {
        let text = format!("annotation {annotation} on the Node opts out");
        reasons.push((BlockedReason::NodeSkipped, text));
    }
    match judge::hearing(snapshot, node) {
        Hearing::NoProbe => {
            let text = "no probe reports from the node".to_owned();
            reasons.push((BlockedReason::NoProbe, text));
        }
        Hearing::Silent { since } => {
            let text = format!("the probe was heard last at {since:.0}");
            reasons.push((BlockedReason::ProbeSilent, text));
        }
        Hearing::Heard => {
            let probe = snapshot
                .health(node)
                .and_then(|h| h.status.as_ref()?.probe.as_ref());
            if !probe.is_some_and(|probe| probe.actuator) {
                let why = probe.and_then(|probe| probe.actuator_message.as_ref());
                let why = why.map_or(String::new(), |why| format!(": {why}"));
                let text = format!("no actuator answers beside the node's probe{why}");
                reasons.push((BlockedReason::ActuatorUnavailable, text));
            }
        }
    }
    reasons
}

fn breakers(snapshot: &Snapshot, node: &Node) -> Vec<Reason> {
    if breaker::storm_allowed_until(snapshot).is_some() {
        return Vec::new();
    }
    let mut reasons = Vec::new();
    for policy in select::covering(snapshot, node) {
        let count = breaker::count(snapshot, policy);
        if count.is_open() {
            let text = format!(
                "{} of {} nodes of policy {} are unhealthy, more than {}: allow the storm in the ledger if that is true",
                count.unhealthy,
                count.covered,
                policy.name_any(),
                count.limit
            );
            reasons.push((BlockedReason::BreakerOpen, text));
        }
    }
    reasons
}

/// After an incident that did something, a node is left alone.
fn cooling_down(snapshot: &Snapshot, node: &Node) -> Option<Reason> {
    let cooldown = select::covering(snapshot, node)
        .iter()
        .map(|policy| judge::signed(policy.spec.disruption.cooldown_per_node.get()))
        .max()?;
    let ledger = snapshot
        .ledger
        .as_ref()
        .and_then(|ledger| ledger.status.as_ref());
    let done = ledger.iter().flat_map(|status| &status.history);
    let done = done
        .filter(|entry| entry.node == node.name)
        .map(|entry| entry.at.0);
    let ended = snapshot
        .remediations
        .iter()
        .filter(|remediation| remediation.spec.node_name == node.name)
        .filter_map(|remediation| remediation.status.as_ref())
        .filter(|status| record::was_tried(status))
        .filter_map(|status| status.completed_at.as_ref())
        .map(|time| time.0);
    // The ledger outlives the records of incidents.
    let last = done.chain(ended).max()?;
    let until = last.saturating_add(cooldown).ok()?;
    (until > snapshot.now).then(|| {
        let text =
            format!("the node is left alone until {until}, {cooldown:#} after its last incident");
        (BlockedReason::CoolingDown, text)
    })
}

/// How often `remedy` was used on `node` in the last 24 hours, by the ledger.
#[must_use]
pub fn uses_in_24h(snapshot: &Snapshot, node: &Node, remedy: &Remedy) -> usize {
    let day_ago: Timestamp = snapshot
        .now
        .saturating_sub(jiff::SignedDuration::from_hours(24))
        .unwrap_or(Timestamp::MIN);
    let counts = |entry: &&HistoryEntry| {
        entry.node == node.name && entry.remedy == remedy.name && entry.at.0 > day_ago
    };
    let status = snapshot
        .ledger
        .as_ref()
        .and_then(|ledger| ledger.status.as_ref());
    status.map_or(0, |status| status.history.iter().filter(counts).count())
}

fn users(snapshot: &Snapshot, policy: &NodeHealthPolicy) -> String {
    let slots = snapshot
        .ledger
        .iter()
        .filter_map(|l| l.status.as_ref())
        .flat_map(|s| &s.slots);
    let is_covered = |slot: &&Slot| {
        let node = snapshot.nodes.get(&slot.node);
        node.is_none_or(|node| select::covers(policy, node))
    };
    let users: Vec<String> = slots
        .filter(|slot| slot.kind == SlotKind::InPlace)
        .filter(is_covered)
        .map(|slot| format!("{} ({})", slot.node, slot.remediation))
        .take(5)
        .collect();
    if users.is_empty() {
        "others begin now".to_owned()
    } else {
        users.join(", ")
    }
}
