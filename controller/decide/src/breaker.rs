//! The breaker: when many nodes look sick at once, the picture is wrong more
//! often than the nodes are.

use jiff::Timestamp;
use unstall_crds::health::TriggerState;
use unstall_crds::policy::NodeHealthPolicy;

use crate::judge::{self, Hearing};
use crate::{Node, Snapshot, select};
use kube::ResourceExt;

/// How many nodes of a policy are unhealthy, and how many may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Nodes that the policy covers.
    pub covered: u32,
    /// Of these: a trigger fires, not Ready, or silent.
    pub unhealthy: u32,
    /// With more than this, nothing new begins.
    pub limit: u32,
}

impl Count {
    /// Whether the breaker is open.
    #[must_use]
    pub const fn is_open(self) -> bool {
        self.unhealthy > self.limit
    }
}

/// Counts the nodes of `policy`.
#[must_use]
pub fn count(snapshot: &Snapshot, policy: &NodeHealthPolicy) -> Count {
    let covered: Vec<&Node> = snapshot
        .nodes
        .values()
        .filter(|node| select::covers(policy, node))
        .collect();
    let unhealthy = covered
        .iter()
        .filter(|node| is_unhealthy(snapshot, policy, node))
        .count();
    let covered = u32::try_from(covered.len()).unwrap_or(u32::MAX);
    Count {
        covered,
        unhealthy: u32::try_from(unhealthy).unwrap_or(u32::MAX),
        limit: policy
            .spec
            .disruption
            .stop_when_unhealthy
            .ceil_of(covered)
            .max(1),
    }
}

fn is_unhealthy(snapshot: &Snapshot, policy: &NodeHealthPolicy, node: &Node) -> bool {
    let fires = |trigger: &_| {
        judge::state(snapshot, node, &policy.name_any(), trigger) == TriggerState::Firing
    };
    !node.ready
        || matches!(judge::hearing(snapshot, node), Hearing::Silent { .. })
        || policy.spec.triggers.iter().any(fires)
}

/// Until when a human lets us act in spite of an open breaker.
#[must_use]
pub fn storm_allowed_until(snapshot: &Snapshot) -> Option<Timestamp> {
    let until = snapshot.ledger.as_ref()?.spec.allow_storm.as_ref()?.until.0;
    (until > snapshot.now).then_some(until)
}
