//! What is asked, and all the answers in their order.

use unstall_crds::policy::{Remedy, RemedyKind, Trigger};

use super::{fleet, node, room, switches, time};
use crate::no::No;
use crate::usage::Usage;
use crate::view::View;
use crate::{Node, rollout};

/// Whether a remedy may begin on a node now.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// The node.
    pub node: &'a Node,
    /// The policy whose ladder it is.
    pub policy: &'a str,
    /// What calls for it; none where a human does.
    pub trigger: Option<&'a Trigger>,
    /// The remedy.
    pub remedy: &'a Remedy,
    /// What it does.
    pub kind: RemedyKind,
    /// The incident, once there is one.
    pub incident: Option<&'a str>,
    /// Whether something was done to the node in this incident: a later rung does
    /// not wait for the cool-down that the first one caused.
    pub is_begun: bool,
}

impl Ask<'_> {
    /// Whether a human asked for it, who is not bound to windows, cool-downs and
    /// approval: asking is the approval.
    #[must_use]
    pub const fn is_manual(&self) -> bool {
        self.trigger.is_none()
    }

    /// Whether it needs the node's probe: to be judged, or to be carried out. A
    /// node that did not come back from an earlier rung is judged already.
    #[must_use]
    pub fn needs_probe(&self) -> bool {
        let on_node = matches!(self.kind, RemedyKind::DropCaches | RemedyKind::Reboot);
        on_node || (!self.is_begun && self.trigger.is_some_and(|it| it.signal.is_some()))
    }
}

/// What forbids it, the most important first. Empty: nothing does.
#[must_use]
pub fn forbids(view: &View<'_>, usage: &Usage<'_>, ask: &Ask<'_>) -> Vec<No> {
    let mut reasons = switches::forbid(view, ask);
    reasons.extend(node::forbids(view, ask));
    reasons.extend(fleet::forbids(view, ask));
    let policy = view.policy(ask.policy);
    if let (Some(policy), Some(trigger)) = (policy, ask.trigger)
        && let Some(rollout) = policy.rollout(&trigger.name)
    {
        reasons.extend(rollout::forbids(view, rollout, ask.node));
    }
    reasons.extend(time::forbids(view, ask));
    reasons.extend(room::forbids(view, usage, ask));
    reasons
}
