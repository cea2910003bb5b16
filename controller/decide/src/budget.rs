//! How many nodes may be cured in place at once.

use std::cell::RefCell;
use std::collections::BTreeMap;

use unstall_crds::ledger::{Slot, SlotKind};
use unstall_crds::policy::NodeHealthPolicy;

use crate::{Node, Snapshot, breaker, select};

/// The slots in use by node, those that this pass takes included.
#[derive(Debug, Clone)]
pub struct InPlace {
    used: RefCell<BTreeMap<String, SlotKind>>,
}

impl InPlace {
    /// Counts the slots of the ledger.
    #[must_use]
    pub fn new(snapshot: &Snapshot) -> Self {
        let used = slots(snapshot).map(|slot| (slot.node.clone(), slot.kind));
        Self {
            used: RefCell::new(used.collect()),
        }
    }

    /// In-place slots in use on nodes that `policy` covers. A node that is
    /// gone counts, for nobody knows what it was.
    #[must_use]
    pub fn used(&self, snapshot: &Snapshot, policy: &NodeHealthPolicy) -> u32 {
        let used = self.used.borrow();
        let counts = |node: &String| {
            let node = snapshot.nodes.get(node);
            node.is_none_or(|node| select::covers(policy, node))
        };
        let count = used
            .iter()
            .filter(|(node, kind)| **kind == SlotKind::InPlace && counts(node))
            .count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Counts one more, on `node`.
    pub fn take(&self, node: &str) {
        let mut used = self.used.borrow_mut();
        used.insert(node.to_owned(), SlotKind::InPlace);
    }

    /// What is in use besides the slot of `node`.
    #[must_use]
    pub fn without(&self, node: &str) -> Self {
        let mut used = self.used.borrow().clone();
        used.remove(node);
        Self {
            used: RefCell::new(used),
        }
    }

    /// The nodes whose slots are counted.
    #[must_use]
    pub fn nodes(&self) -> Vec<String> {
        self.used.borrow().keys().cloned().collect()
    }
}

/// The policy that allows no more in-place slots for `node`, with how many are
/// in use and how many it allows.
#[must_use]
pub fn exhausted<'a>(
    snapshot: &'a Snapshot,
    node: &Node,
    in_use: &InPlace,
) -> Option<(&'a NodeHealthPolicy, u32, u32)> {
    select::covering(snapshot, node)
        .into_iter()
        .map(|policy| {
            let used = in_use.used(snapshot, policy);
            (policy, used, limit_of(snapshot, policy))
        })
        .find(|(_, used, limit)| used >= limit)
}

/// How many in-place slots `policy` allows.
#[must_use]
pub fn limit_of(snapshot: &Snapshot, policy: &NodeHealthPolicy) -> u32 {
    let covered = breaker::count(snapshot, policy).covered;
    policy.spec.disruption.max_in_place.nodes_of(covered)
}

fn slots(snapshot: &Snapshot) -> impl Iterator<Item = &Slot> {
    let ledger = snapshot.ledger.iter().filter_map(|l| l.status.as_ref());
    ledger.flat_map(|status| &status.slots)
}
