//! Why sick or due nodes are not treated.

use std::collections::BTreeMap;

use unstall_crds::condition::BlockedReason;
use unstall_crds::policy::BlockedNodes;

use super::Seen;
use super::whole::SENTENCE;
use crate::record;
use crate::view::PolicyView;

/// How many names a list for people holds at most.
const NAMES: usize = 10;

/// By reason: the open incidents on covered nodes, and nodes that wait for one.
pub fn of(policy: &PolicyView<'_>, seen: &Seen<'_>) -> Vec<BlockedNodes> {
    let mut by_reason: BTreeMap<BlockedReason, BlockedNodes> = BTreeMap::new();
    let incidents = seen
        .incidents
        .iter()
        .filter(|(node, _)| policy.covers(node));
    let held_up = incidents.filter_map(|(node, status)| {
        let first = status.blockers.first()?;
        Some((*node, first.reason, first.message.clone()))
    });
    let waiting = seen.waiting.get(&policy.name).into_iter().flatten();
    let waiting = waiting.map(|(node, no)| (*node, no.reason, no.text.clone()));
    for (node, reason, message) in held_up.chain(waiting) {
        let entry = by_reason.entry(reason).or_insert_with(|| BlockedNodes {
            reason,
            count: 0,
            nodes: Vec::new(),
            message: Some(record::cut(&message, SENTENCE)),
        });
        entry.count += 1;
        if entry.nodes.len() < NAMES {
            entry.nodes.push(node.to_owned());
        }
    }
    by_reason.into_values().collect()
}
