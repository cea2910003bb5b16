//! What is asked, and all the answers in their order.

use unstall_crds::condition::BlockedReason;
use unstall_crds::policy::{Remedy, RemedyKind, Trigger};

use super::{fleet, node, room, switches, time};
use crate::incident::Call;
use crate::no::No;
use crate::usage::Usage;
use crate::view::{PolicyView, View};
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

impl<'a> Ask<'a> {
    /// Whether an incident may be opened on `node` for `call`, and its ladder begun with
    /// `remedy`.
    #[must_use]
    pub fn beginning(
        node: &'a Node,
        call: &'a Call<'_, 'a>,
        (remedy, kind): (&'a Remedy, RemedyKind),
    ) -> Self {
        Self {
            node,
            policy: &call.policy.name,
            trigger: Some(call.trigger),
            remedy,
            kind,
            incident: None,
            is_begun: false,
        }
    }

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
    all(view, usage, ask).collect()
}

/// The first that forbids it, whatever a human would approve of: a fleet of
/// thousands that is due is asked about node by node.
#[must_use]
pub fn first(view: &View<'_>, usage: &Usage<'_>, ask: &Ask<'_>) -> Option<No> {
    all(view, usage, ask).find(|no| no.reason != BlockedReason::ApprovalRequired)
}

/// What forbids it because of the node alone, or of its zone or rack: another node may go
/// while this one waits, maybe for as long as nobody looks after it. Of a roll-out's stage it
/// knows nothing.
#[must_use]
pub fn of_node(view: &View<'_>, usage: Option<&Usage<'_>>, ask: &Ask<'_>) -> Vec<No> {
    let mut reasons = node::forbids(view, ask);
    reasons.extend(fleet::blocking_pods(view, ask));
    reasons.extend(time::of_node(view, ask));
    reasons.extend(
        usage
            .into_iter()
            .flat_map(|it| room::of_group(view, it, ask)),
    );
    reasons
}

/// Each group is looked at when those before it are through.
fn all<'x>(
    view: &'x View<'_>,
    usage: &'x Usage<'_>,
    ask: &'x Ask<'_>,
) -> impl Iterator<Item = No> + 'x {
    type Group = fn(&View<'_>, &Usage<'_>, &Ask<'_>) -> Vec<No>;
    let groups: [Group; 7] = [
        |view, _, ask| switches::forbid(view, ask),
        |view, _, ask| node::forbids(view, ask),
        |view, _, ask| fleet::forbids(view, ask),
        |view, _, ask| rolled_out(view, ask),
        |view, _, ask| beside_its_stage(view, ask),
        |view, _, ask| time::forbids(view, ask),
        room::forbids,
    ];
    groups
        .into_iter()
        .flat_map(move |group| group(view, usage, ask))
}

/// What the stage of the roll-out forbids that asks, if one does.
fn rolled_out(view: &View<'_>, ask: &Ask<'_>) -> Vec<No> {
    let asking = rollout_of(view, ask);
    asking.map_or_else(Vec::new, |(policy, place)| {
        rollout::forbids(view, &policy.rollouts[place], ask.node, ask.is_begun)
    })
}

/// What else its policy's roll-outs forbid: that nobody could see a canary get worse, and
/// the stages of those that come before it.
fn beside_its_stage(view: &View<'_>, ask: &Ask<'_>) -> Vec<No> {
    let Some((policy, place)) = rollout_of(view, ask).filter(|_| !ask.is_begun) else {
        return Vec::new();
    };
    let (earlier, from) = policy.rollouts.split_at(place);
    let compared = rollout::not_comparable(view, &from[0], ask.node).into_iter();
    compared
        .chain(rollout::by_earlier(view, policy, earlier, ask.node))
        .collect()
}

/// The policy of the roll-out that asks, and its place in it.
fn rollout_of<'v, 'a>(view: &'v View<'a>, ask: &Ask<'_>) -> Option<(&'v PolicyView<'a>, usize)> {
    let (policy, trigger) = view.policy(ask.policy).zip(ask.trigger)?;
    let mut rollouts = policy.rollouts.iter();
    let place = rollouts.position(|it| it.trigger.name == trigger.name)?;
    Some((policy, place))
}
