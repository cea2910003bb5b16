//! Which rung of an incident's ladder comes next.

use jiff::Timestamp;
use unstall_crds::policy::{Remedy, TemplateReference, WhenExhausted};
use unstall_crds::remediation::{NodeRemediation, NodeRemediationStatus};

use crate::view::View;
use crate::{Node, guard, record};

/// What the ladder says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next<'a> {
    /// Try this remedy.
    Try(&'a Remedy),
    /// This one is used up on the node; go on with the one after it.
    Skip(&'a Remedy, String),
    /// What is left is used up on the node, and nothing was tried yet. Ending
    /// the incident would open the next one at once, and so on all day.
    Wait(UsedUp),
    /// This one is used up on the node, and the ladder ends there.
    Stop(String),
    /// Every rung was tried.
    Exhausted,
}

/// A remedy that may not be used on a node again for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedUp {
    /// Why.
    pub text: String,
    /// Until when.
    pub until: Option<Timestamp>,
}

/// The ladder of an incident.
#[must_use]
pub fn of(remediation: &NodeRemediation) -> &[Remedy] {
    let policy = remediation.spec.policy.as_ref();
    policy.map_or(&[], |policy| &policy.remedies)
}

/// The template of the other remediator to which the rung at work hands the node
/// over.
#[must_use]
pub fn template_at_work(
    remediation: &NodeRemediation,
    status: &NodeRemediationStatus,
) -> Option<TemplateReference> {
    let rung = record::current_rung(status)?;
    let mut ladder = of(remediation).iter();
    let remedy = ladder.find(|remedy| remedy.name == rung.remedy)?;
    Some(remedy.hand_over.as_ref()?.template.clone())
}

/// The next rung after those that `status` records.
#[must_use]
pub fn next<'a>(
    view: &View<'_>,
    node: &Node,
    remediation: &'a NodeRemediation,
    status: &NodeRemediationStatus,
) -> Next<'a> {
    let left = of(remediation)
        .get(status.rungs.len()..)
        .unwrap_or_default();
    let Some(remedy) = left.first() else {
        return Next::Exhausted;
    };
    let Some(used_up) = used_up(view, node, remedy) else {
        return Next::Try(remedy);
    };
    if !record::was_tried(status) && !leads_on(view, node, left.iter()) {
        return Next::Wait(used_up);
    }
    match remedy.when_exhausted {
        WhenExhausted::NextRung => Next::Skip(remedy, used_up.text),
        WhenExhausted::Stop => Next::Stop(used_up.text),
    }
}

/// Whether the rungs that are `left` come to one that may be used.
#[must_use]
pub fn leads_on<'r>(
    view: &View<'_>,
    node: &Node,
    mut left: impl Iterator<Item = &'r Remedy>,
) -> bool {
    let stops = |remedy: &&Remedy| {
        used_up(view, node, remedy).is_none() || remedy.when_exhausted == WhenExhausted::Stop
    };
    left.find(stops)
        .is_some_and(|remedy| used_up(view, node, remedy).is_none())
}

/// Why `remedy` may not be used on `node` again for now.
#[must_use]
pub fn used_up(view: &View<'_>, node: &Node, remedy: &Remedy) -> Option<UsedUp> {
    let max = usize::from(remedy.max_per_node_per_24h);
    let (uses, until) = guard::uses_in_24h(view, node, &remedy.name, max);
    let again = until.map_or(String::new(), |at| format!("; again from {at:.0} on"));
    (uses >= max).then(|| UsedUp {
        text: format!(
            "{} was used {uses} times on the node in 24 h, {max} are allowed{again}",
            remedy.name
        ),
        until,
    })
}
