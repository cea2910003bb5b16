//! Which rung of an incident's ladder comes next.

use unstall_crds::policy::{Remedy, WhenExhausted};
use unstall_crds::remediation::{NodeRemediation, NodeRemediationStatus};

use crate::{Node, Snapshot, guard};

/// What the ladder says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next<'a> {
    /// Try this remedy.
    Try(&'a Remedy),
    /// This one is used up on the node; go on with the one after it.
    Skip(&'a Remedy, String),
    /// This one is used up on the node, and the ladder ends there.
    Stop(&'a Remedy, String),
    /// Every rung was tried.
    Exhausted,
}

/// The next rung after those that `status` records.
#[must_use]
pub fn next<'a>(
    snapshot: &Snapshot,
    node: &Node,
    remediation: &'a NodeRemediation,
    status: &NodeRemediationStatus,
) -> Next<'a> {
    let ladder = remediation
        .spec
        .policy
        .as_ref()
        .map_or(&[][..], |policy| &policy.remedies);
    let Some(remedy) = ladder.get(status.rungs.len()) else {
        return Next::Exhausted;
    };
    let uses = guard::uses_in_24h(snapshot, node, remedy);
    let max = usize::from(remedy.max_per_node_per_24h);
    if uses < max {
        return Next::Try(remedy);
    }
    let text = format!(
        "{} was used {uses} times on the node in 24 h, {max} are allowed",
        remedy.name
    );
    match remedy.when_exhausted {
        WhenExhausted::NextRung => Next::Skip(remedy, text),
        WhenExhausted::Stop => Next::Stop(remedy, text),
    }
}
