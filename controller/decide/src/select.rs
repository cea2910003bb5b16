//! Which nodes a policy covers, and who keeps us off a node.

use unstall_crds::names::{annotation, node_condition, taint};
use unstall_crds::policy::NodeHealthPolicy;

use crate::Node;

/// The conditions of KEP-5683 by which others say that they are at work.
const MAINTAINED: [&str; 2] = [
    node_condition::DRAIN_IN_PROGRESS,
    node_condition::MAINTENANCE_IN_PROGRESS,
];

/// Whether `policy` covers `node`. An empty selector covers nothing.
#[must_use]
pub fn covers(policy: &NodeHealthPolicy, node: &Node) -> bool {
    policy.spec.node_selector.matches(&node.labels)
}

/// The annotation by which somebody keeps us off `node`, if there is one.
#[must_use]
pub fn opted_out(node: &Node) -> Option<&'static str> {
    [annotation::SKIP, annotation::CLUSTER_API_SKIP]
        .into_iter()
        .find(|name| {
            node.annotations
                .get(*name)
                .is_some_and(|value| value != "false")
        })
}

/// Who else is about to take `node` away or to reboot it, as a sentence.
#[must_use]
pub fn owner(node: &Node) -> Option<String> {
    let taints = taint::OF_OTHERS.iter();
    let by_taint = taints
        .filter(|(key, _)| node.taints.contains(*key))
        .map(|(key, who)| format!("{who}: taint {key} on the Node"));
    let annotations = annotation::OF_OTHERS.iter();
    let by_annotation = annotations
        .filter(|(key, _)| node.annotations.contains_key(*key))
        .map(|(key, who)| format!("{who}: annotation {key} on the Node"));
    let conditions = node.conditions.iter();
    let by_condition = conditions
        .filter(|it| it.status == "True" && it.reason != node_condition::REASON)
        .filter(|it| MAINTAINED.contains(&it.type_.as_str()))
        .map(|it| {
            format!(
                "somebody maintains the node: condition {} on the Node is True ({})",
                it.type_, it.reason
            )
        });
    by_taint.chain(by_annotation).chain(by_condition).next()
}
