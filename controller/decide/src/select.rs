//! Which policies cover a node, and which of them speaks first.

use std::cmp::Reverse;

use kube::ResourceExt;
use unstall_crds::names::annotation;
use unstall_crds::policy::NodeHealthPolicy;

use crate::{Node, Snapshot};

/// The policies that cover `node`: the highest priority first, of equals the
/// oldest, of those the first by name.
#[must_use]
pub fn covering<'a>(snapshot: &'a Snapshot, node: &Node) -> Vec<&'a NodeHealthPolicy> {
    let mut policies: Vec<_> = snapshot
        .policies
        .iter()
        .filter(|policy| covers(policy, node))
        .collect();
    policies.sort_by_key(|policy| {
        let created = policy.creation_timestamp().map(|time| time.0);
        (Reverse(policy.spec.priority), created, policy.name_any())
    });
    policies
}

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
