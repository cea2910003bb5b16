//! Who goes first.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;
use kube::ResourceExt;
use unstall_crds::policy::Mode;
use unstall_crds::remediation::{NodeRemediation, Phase};

use crate::incident::{self, Call};
use crate::view::View;
use crate::{Node, record};

/// What decides who goes first, the most important first: what was begun, whom a
/// human asked for, who is sick, the priority of the policy, nodes without the
/// control plane, nodes without a replica of ours, who has waited longest, the
/// name.
type Rank = (
    bool,
    bool,
    bool,
    Reverse<i32>,
    bool,
    bool,
    Option<Timestamp>,
    String,
);

/// The open incidents in the order in which they get their turn.
#[must_use]
pub fn incidents<'a>(view: &View<'a>) -> Vec<&'a NodeRemediation> {
    let mut open: Vec<_> = view
        .open()
        .map(|remediation| (rank(view, remediation), remediation))
        .collect();
    open.sort_by(|(one, _), (other, _)| one.cmp(other));
    open.into_iter()
        .map(|(_, remediation)| remediation)
        .collect()
}

/// Of the open incidents on a node the one whose turn it is.
#[must_use]
pub fn first_on<'a>(view: &View<'a>, node: &Node) -> Option<&'a NodeRemediation> {
    let open = view.open_on(&node.name).iter();
    open.copied().min_by_key(|it| rank(view, it))
}

fn rank(view: &View<'_>, remediation: &NodeRemediation) -> Rank {
    let spec = &remediation.spec;
    let trigger = spec.policy.as_ref().and_then(|it| it.trigger.as_ref());
    let policy = spec.policy_name.as_deref().and_then(|it| view.policy(it));
    let node = view.node(&spec.node_name);
    (
        record::phase(remediation) == Phase::Pending,
        trigger.is_some(),
        trigger.is_some_and(unstall_crds::policy::Trigger::is_rollout),
        Reverse(policy.map_or(0, |it| it.policy.spec.priority)),
        node.is_some_and(Node::is_control_plane),
        node.is_some_and(|node| has_replica(view, node)),
        remediation.creation_timestamp().map(|time| time.0),
        remediation.name_any(),
    )
}

/// Nodes without an open incident on which something calls for a remedy, in the
/// order in which incidents are opened: of equals the first by name, as the nodes are. A
/// node that several roll-outs call for is in it once for each.
#[must_use]
pub fn calls<'v, 'a>(view: &'v View<'a>, mode: Mode) -> Vec<(&'a Node, Call<'v, 'a>)> {
    let chosen: BTreeSet<&str> = view
        .policies()
        .iter()
        .flat_map(|policy| &policy.rollouts)
        .filter_map(|rollout| Some(rollout.canary?.node))
        .collect();
    let mut calls: Vec<_> = view
        .nodes()
        .filter(|node| mode == Mode::Observe || view.open_on(&node.name).is_empty())
        .flat_map(|node| {
            incident::calls(view, node, mode)
                .into_iter()
                .map(move |call| (node, call))
        })
        .collect();
    calls.sort_by_cached_key(|(node, call)| {
        (
            call.trigger.is_rollout(),
            Reverse(call.policy.policy.spec.priority),
            !chosen.contains(node.name.as_str()),
            node.is_control_plane(),
            has_replica(view, node),
        )
    });
    calls
}

/// Whether a replica of this controller runs on the node.
#[must_use]
pub fn has_replica(view: &View<'_>, node: &Node) -> bool {
    let mut replicas = view.snapshot.replicas.iter().flatten();
    replicas.any(|replica| replica.node == node.name)
}
