//! Why sick or due nodes are not treated.

use std::borrow::Cow;
use std::collections::BTreeMap;

use kube::ResourceExt;
use unstall_crds::condition::BlockedReason;
use unstall_crds::policy::{AfterFailure, BlockedNodes};
use unstall_crds::remediation::NodeRemediation;

use super::Seen;
use super::whole::SENTENCE;
use crate::view::{Names, PolicyView, View};
use crate::{Node, marks, record};

/// How many names a list for people holds at most.
const NAMES: usize = 10;

/// By reason: the open incidents on covered nodes, nodes that one left to a human,
/// and nodes that wait for one. A node is told of once.
pub fn of(view: &View<'_>, policy: &PolicyView<'_>, seen: &Seen<'_>) -> Vec<BlockedNodes> {
    let mut by_reason: BTreeMap<BlockedReason, BlockedNodes> = BTreeMap::new();
    let incidents = seen
        .incidents
        .iter()
        .filter(|(node, _)| policy.covers(node));
    let held_up = incidents.filter_map(|(node, status)| {
        let first = status.blockers.first()?;
        Some((*node, first.reason, Cow::from(&first.message)))
    });
    let waiting = seen.waiting.get(&policy.name).into_iter().flatten();
    let waiting = waiting.map(|(node, no)| (*node, no.reason, Cow::from(&no.text)));
    let idle = policy.covered.iter();
    let idle = idle.filter(|node| !seen.incidents.contains_key(node.name.as_str()));
    let held = idle.filter_map(|node| {
        let record = marks::held_by(view, node)?;
        Some((
            node.name.as_str(),
            BlockedReason::HeldForHuman,
            Cow::from(held(node, record)),
        ))
    });
    let mut told = Names::default();
    for (node, reason, message) in held_up.chain(held).chain(waiting) {
        if !told.insert(node) {
            continue;
        }
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

fn held(node: &Node, record: &NodeRemediation) -> String {
    let outcome = record.status.as_ref().and_then(|status| status.outcome);
    let outcome = outcome.map_or("", |outcome| outcome.as_str());
    let (name, is_ready, node) = (record.name_any(), node.is_ready(), &node.name);
    let policy = record.spec.policy.as_ref();
    if policy.is_some_and(|it| it.after_failure == AfterFailure::Uncordon) {
        let when = if is_ready {
            "another boot runs"
        } else {
            "it is Ready"
        };
        return format!(
            "incident {name} ended as {outcome}; the node is uncordoned once {when}: look after it, or add {node} to \
             spec.release of the DisruptionLedger"
        );
    }
    format!(
        "incident {name} ended as {outcome} and keeps the node cordoned: look after it, then uncordon it or add {node} to \
         spec.release of the DisruptionLedger"
    )
}
