//! Conditions on the Node: whether its kernel stalls, and what we do to it
//! (KEP-5683). Only what has our reason is ours to change or remove.

use jiff::Timestamp;
use unstall_crds::health::Verdict;
use unstall_crds::names::node_condition as name;
use unstall_crds::policy::RemedyKind;
use unstall_crds::remediation::{NodeRemediationStatus, Phase};

use crate::judge::Hearing;
use crate::node::NodeCondition;
use crate::view::View;
use crate::{Node, record};

/// The conditions of maintenance.
const MAINTENANCE: [&str; 4] = [
    name::MAINTENANCE_PLANNED,
    name::DRAIN_IN_PROGRESS,
    name::DRAINED,
    name::MAINTENANCE_IN_PROGRESS,
];

/// What changes in the conditions of a Node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Those to set.
    pub set: Vec<NodeCondition>,
    /// The types of those to remove.
    pub remove: Vec<String>,
}

/// What changes on `node` while its incident, if there is one, is as `incident`
/// says: its name, its status, and whether what comes next takes the node away.
#[must_use]
pub fn changes(
    view: &View<'_>,
    node: &Node,
    incident: Option<(&str, &NodeRemediationStatus, bool)>,
) -> Changes {
    let now = view.snapshot.now;
    let mut changes = Changes::default();
    if let Some(stall) = stall(view, node) {
        let old = node.condition(name::KERNEL_STALL);
        let is_same =
            |old: &NodeCondition| old.status == stall.status && old.reason == stall.reason;
        if !old.is_some_and(is_same) {
            changes.set.push(stall.condition(now));
        }
    } else if node.condition(name::KERNEL_STALL).is_some() {
        changes.remove.push(name::KERNEL_STALL.to_owned());
    }
    for type_ in MAINTENANCE {
        let old = node.condition(type_);
        let is_ours = old.is_none_or(|old| old.reason == name::REASON);
        let text = incident.and_then(|it| maintenance(type_, it));
        match (old, text) {
            (None, Some(message)) => changes.set.push(ours(type_, message, now)),
            (Some(old), Some(message)) if is_ours && old.status != "True" => {
                changes.set.push(ours(type_, message, now));
            }
            (Some(_), None) if is_ours => changes.remove.push(type_.to_owned()),
            _ => {}
        }
    }
    changes
}

/// Everything of ours among the conditions of `node`: for the uninstallation.
#[must_use]
pub fn all_of_ours(node: &Node) -> Vec<String> {
    let is_ours = |it: &&NodeCondition| {
        it.type_ == name::KERNEL_STALL
            || (MAINTENANCE.contains(&it.type_.as_str()) && it.reason == name::REASON)
    };
    let ours = node.conditions.iter().filter(is_ours);
    ours.map(|it| it.type_.clone()).collect()
}

/// What a condition of maintenance says, if it holds.
fn maintenance(
    type_: &str,
    (incident, status, is_disruptive): (&str, &NodeRemediationStatus, bool),
) -> Option<String> {
    let action = record::current_rung(status).map(|rung| rung.action);
    let reboots = action == Some(RemedyKind::Reboot);
    let after_drain = matches!(
        status.phase,
        Phase::Rebooting | Phase::Proving | Phase::Soaking
    );
    // A drain that took too long may go on with pods that are left.
    let drain = status.drain.as_ref();
    let is_empty = drain.is_none_or(|drain| drain.left.is_empty());
    let holds = match type_ {
        // What begins at once is not planned first.
        name::MAINTENANCE_PLANNED => {
            is_disruptive && status.phase == Phase::Pending && !status.blockers.is_empty()
        }
        name::DRAIN_IN_PROGRESS => status.phase == Phase::Draining,
        name::DRAINED => reboots && after_drain && is_empty,
        _ => after_drain || matches!(status.phase, Phase::Holding | Phase::HandedOver),
    };
    holds.then(|| format!("NodeRemediation {incident}"))
}

fn ours(type_: &str, message: String, now: Timestamp) -> NodeCondition {
    NodeCondition {
        type_: type_.to_owned(),
        status: "True".to_owned(),
        reason: name::REASON.to_owned(),
        message,
        since: Some(now),
    }
}

/// What the condition of a stall says; most nodes say it already.
struct Stall<'a> {
    status: &'static str,
    reason: &'static str,
    message: &'a str,
}

impl Stall<'_> {
    fn condition(&self, now: Timestamp) -> NodeCondition {
        NodeCondition {
            type_: name::KERNEL_STALL.to_owned(),
            status: self.status.to_owned(),
            reason: self.reason.to_owned(),
            message: self.message.to_owned(),
            since: Some(now),
        }
    }
}

/// Whether the kernel stalls, as the probe says; `None` on a node that never had
/// one. Never latched: a probe that is silent makes it Unknown.
fn stall<'a>(view: &View<'a>, node: &Node) -> Option<Stall<'a>> {
    let (status, reason, message) = match view.hearing(node) {
        Hearing::NoProbe => return None,
        Hearing::Silent { .. } => (
            "Unknown",
            "ProbeSilent",
            "the node's probe missed its reports",
        ),
        Hearing::Heard => {
            let health = view.health(node)?.status.as_ref()?;
            match health.verdict {
                None | Some(Verdict::Unknown) => (
                    "Unknown",
                    "ProbeUncertain",
                    "the node's probe has no measurement that it trusts",
                ),
                Some(Verdict::Stalled) => {
                    let summary = health.summary.as_deref();
                    ("True", "Stalled", summary.unwrap_or("CPUs are held up"))
                }
                Some(Verdict::Healthy | Verdict::Watch | Verdict::Degraded) => {
                    ("False", "NoStall", "no CPU is held up for 100 ms or more")
                }
            }
        }
    };
    Some(Stall {
        status,
        reason,
        message,
    })
}
