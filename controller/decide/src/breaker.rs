//! The breaker: when many nodes look sick at once, the picture is wrong more
//! often than the nodes are.

use jiff::Timestamp;
use unstall_crds::health::TriggerState;
use unstall_crds::policy::NodeHealthPolicy;

use crate::judge::Hearing;
use crate::{Node, Snapshot};

/// How many nodes of a policy are unhealthy, and how many may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Nodes that the policy covers.
    pub covered: u32,
    /// Of these: a signal or condition trigger fires, not Ready, or silent.
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

/// The counts of `policy`, of whose covered nodes so many are unhealthy.
#[must_use]
pub fn count(policy: &NodeHealthPolicy, covered: usize, unhealthy: usize) -> Count {
    let covered = size(covered);
    let disruption = &policy.spec.disruption;
    Count {
        covered,
        unhealthy: size(unhealthy),
        limit: disruption.stop_when_unhealthy.ceil_of(covered).max(1),
    }
}

/// Whether `node` counts as unhealthy, with the `states` of the policy's triggers.
#[must_use]
pub fn is_unhealthy(
    policy: &NodeHealthPolicy,
    states: &[TriggerState],
    node: &Node,
    hearing: Option<&Hearing>,
) -> bool {
    let mut states = policy.spec.triggers.iter().zip(states);
    !node.is_ready()
        || matches!(hearing, Some(Hearing::Silent { .. }))
        || states.any(|(trigger, state)| !trigger.is_rollout() && *state == TriggerState::Firing)
}

/// Until when a human lets us act in spite of an open breaker.
#[must_use]
pub fn storm_allowed_until(snapshot: &Snapshot) -> Option<Timestamp> {
    let until = snapshot.ledger.as_ref()?.spec.allow_storm.as_ref()?.until.0;
    (until > snapshot.now).then_some(until)
}

/// A count as the API writes it.
#[must_use]
pub fn size(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
