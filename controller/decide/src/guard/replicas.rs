//! Where this controller's own replicas run: whoever decides must go on deciding.

use unstall_crds::condition::BlockedReason;
use unstall_crds::policy::RemedyKind;

use crate::no::No;
use crate::usage::Usage;
use crate::view::View;
use crate::{Node, Replica};

/// The node of the only ready replica never goes. One on a node that is being
/// disrupted may go at any moment, and one on a node that is not Ready may be gone:
/// pods are told of that later than their node. Several on one node leave it one
/// after the other when it is drained, as their budget wants it.
pub fn forbids(view: &View<'_>, usage: &Usage<'_>, node: &Node, kind: RemedyKind) -> Option<No> {
    let replicas = match known(view) {
        Ok(replicas) => replicas,
        Err(no) => return Some(no),
    };
    let (here, elsewhere) = parted(replicas, node);
    let stays =
        |node: &str| !usage.is_disrupted(node) && view.node(node).is_some_and(Node::is_ready);
    let mut elsewhere = elsewhere.into_iter();
    if here.is_empty() || elsewhere.any(|replica| replica.ready && stays(&replica.node)) {
        return None;
    }
    let ready = here.iter().filter(|replica| replica.ready).count();
    if kind == RemedyKind::Reboot && ready > 1 {
        return None;
    }
    let text = "the only ready replica of this controller runs on the node: run two, or move it";
    Some(No::new(BlockedReason::LastReadyReplica, text))
}

/// What forbids to reboot a node that has been drained: that no replica has become
/// ready elsewhere.
#[must_use]
pub fn left_behind(view: &View<'_>, node: &Node) -> Option<No> {
    let replicas = match known(view) {
        Ok(replicas) => replicas,
        Err(no) => return Some(no),
    };
    let (here, elsewhere) = parted(replicas, node);
    let stays = |node: &str| view.node(node).is_some_and(Node::is_ready);
    if here.is_empty() || elsewhere.iter().any(|it| it.ready && stays(&it.node)) {
        return None;
    }
    let text = "no replica of this controller is ready elsewhere, and the node has one";
    Some(No::new(BlockedReason::LastReadyReplica, text))
}

fn known<'a>(view: &'a View<'_>) -> Result<&'a [Replica], No> {
    let unknown = || {
        let text = "it is not known yet where the replicas of this controller run";
        No::new(BlockedReason::LastReadyReplica, text)
    };
    view.snapshot.replicas.as_deref().ok_or_else(unknown)
}

/// Those on the node, and the others.
fn parted<'a>(replicas: &'a [Replica], node: &Node) -> (Vec<&'a Replica>, Vec<&'a Replica>) {
    let is_here = |replica: &&Replica| replica.node == node.name;
    replicas.iter().partition(is_here)
}
