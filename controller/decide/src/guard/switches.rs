//! What humans switched.

use unstall_crds::condition::BlockedReason;
use unstall_crds::policy::{Approval, Mode};

use super::Ask;
use crate::Snapshot;
use crate::no::No;
use crate::snapshot::UnreadableKind;
use crate::view::View;

/// The API's bound on the ledger's history; when it is full, nothing begins.
const MAX_HISTORY: usize = 3000;
/// The API's bound on slots.
const MAX_SLOTS: usize = 1024;

pub fn forbid(view: &View<'_>, ask: &Ask<'_>) -> Vec<No> {
    let mut reasons: Vec<No> = view.ledger.iter().cloned().collect();
    reasons.extend(unreadable_policy(view.snapshot));
    let stale = view.snapshot.stale.as_ref();
    reasons.extend(stale.map(|why| No::new(BlockedReason::ViewStale, why.clone())));
    for policy in view.covering(ask.node) {
        if let Some(problem) = policy
            .problem
            .as_ref()
            .filter(|_| policy.name == ask.policy)
        {
            let text = format!(
                "policy {} is not carried out: {}",
                policy.name, problem.text
            );
            reasons.push(No::new(BlockedReason::InvalidSpec, text));
        }
        if policy.policy.spec.suspend {
            let text = format!("policy {} is suspended", policy.name);
            reasons.push(No::new(BlockedReason::PolicySuspended, text));
        }
    }
    let is_observed = view
        .policy(ask.policy)
        .is_some_and(|policy| policy.policy.spec.mode == Mode::Observe);
    if ask.incident.is_some() && is_observed {
        let text = format!("policy {} only observes", ask.policy);
        reasons.push(No::new(BlockedReason::ObserveMode, text));
    }
    reasons.extend(approval(view, ask));
    reasons
}

/// A policy that cannot be read may limit any node.
fn unreadable_policy(snapshot: &Snapshot) -> Option<No> {
    let mut policies = snapshot.unreadable(UnreadableKind::NodeHealthPolicy);
    let broken = policies.next()?;
    let text = format!(
        "NodeHealthPolicy {} cannot be read, and may forbid it: repair or delete it: {}",
        broken.name, broken.why
    );
    Some(No::new(BlockedReason::InvalidSpec, text).on(format!("NodeHealthPolicy/{}", broken.name)))
}

/// What the ledger forbids on every node.
#[must_use]
pub fn ledger(snapshot: &Snapshot) -> Option<No> {
    if let Some(ledger) = snapshot.unreadable(UnreadableKind::DisruptionLedger).next() {
        let text = format!("the DisruptionLedger cannot be read: {}", ledger.why);
        return Some(No::new(BlockedReason::InvalidSpec, text));
    }
    let Some(ledger) = &snapshot.ledger else {
        let text = "the DisruptionLedger \"cluster\" does not exist yet";
        return Some(No::new(BlockedReason::Paused, text));
    };
    let pause = ledger.spec.pause.as_ref();
    if let Some(pause) = pause.filter(|pause| pause.until.0 > snapshot.now) {
        let text = format!("paused until {:.0}: {}", pause.until.0, pause.reason);
        return Some(No::new(BlockedReason::Paused, text).until(pause.until.0));
    }
    let status = ledger.status.as_ref()?;
    // Entries that have run out are dropped with the next slot that is taken.
    let history = status.history.iter();
    let running = history.filter(|entry| entry.until.0 > snapshot.now).count();
    let full = if running >= MAX_HISTORY {
        format!("the ledger holds {MAX_HISTORY} running cool-downs, as many as it may")
    } else if status.slots.len() >= MAX_SLOTS {
        format!("the ledger holds {MAX_SLOTS} slots, as many as it may")
    } else {
        return None;
    };
    Some(No::new(BlockedReason::LedgerFull, full))
}

fn approval(view: &View<'_>, ask: &Ask<'_>) -> Option<No> {
    if ask.remedy.approval == Approval::Auto || ask.is_manual() {
        return None;
    }
    let remedy = &ask.remedy.name;
    let Some(incident) = ask.incident else {
        let text = format!("a human must approve {remedy}");
        return Some(No::new(BlockedReason::ApprovalRequired, text));
    };
    let ledger = view.snapshot.ledger.as_ref();
    if ledger.is_some_and(|ledger| ledger.spec.approve.iter().any(|name| name == incident)) {
        return None;
    }
    let text = format!(
        "a human must approve {remedy}: add {incident} to spec.approve of the DisruptionLedger \"cluster\""
    );
    Some(No::new(BlockedReason::ApprovalRequired, text))
}
