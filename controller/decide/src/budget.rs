//! How many nodes may be cured in place at once.

use std::cell::Cell;

use unstall_crds::ledger::SlotKind;
use unstall_crds::policy::NodeHealthPolicy;

use crate::{Node, Snapshot, breaker, select};

/// The in-place slots in use, those of this pass included.
#[derive(Debug, Clone)]
pub struct InPlace {
    used: Cell<u32>,
}

impl InPlace {
    /// Counts the slots of the ledger.
    #[must_use]
    pub fn new(snapshot: &Snapshot) -> Self {
        Self {
            used: Cell::new(used(snapshot)),
        }
    }

    /// Slots in use.
    #[must_use]
    pub fn used(&self) -> u32 {
        self.used.get()
    }

    /// Counts one more.
    pub fn take(&self) {
        self.used.set(self.used.get() + 1);
    }
}

/// The in-place slots that the ledger holds.
#[must_use]
pub fn used(snapshot: &Snapshot) -> u32 {
    let slots = snapshot
        .ledger
        .iter()
        .filter_map(|l| l.status.as_ref())
        .flat_map(|s| &s.slots);
    let count = slots.filter(|slot| slot.kind == SlotKind::InPlace).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// How many in-place slots may be in use: the least that any policy that
/// covers `node` allows.
#[must_use]
pub fn limit(snapshot: &Snapshot, node: &Node) -> u32 {
    let policies = select::covering(snapshot, node);
    policies
        .iter()
        .map(|policy| limit_of(snapshot, policy))
        .min()
        .unwrap_or(0)
}

/// How many in-place slots `policy` allows.
#[must_use]
pub fn limit_of(snapshot: &Snapshot, policy: &NodeHealthPolicy) -> u32 {
    let covered = breaker::count(snapshot, policy).covered;
    policy.spec.disruption.max_in_place.nodes_of(covered)
}
