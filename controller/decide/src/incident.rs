//! Which incidents are to be opened, and what of them is asked everywhere.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use unstall_crds::condition::BlockedReason;
use unstall_crds::health::TriggerState;
use unstall_crds::policy::{Mode, NodeHealthPolicySpec, Remedy, RemedyKind, Trigger};
use unstall_crds::remediation::{
    NodeRemediation, NodeRemediationSpec, NodeRemediationStatus, Origin, Phase, PolicySnapshot,
};

use crate::view::{PolicyView, View};
use crate::{Node, ladder, order};

/// A trigger that fires on a node, with the policy that supplies the ladder.
#[derive(Clone, Copy)]
pub struct Call<'v, 'a> {
    /// The policy.
    pub policy: &'v PolicyView<'a>,
    /// Its trigger.
    pub trigger: &'a Trigger,
}

/// What calls for a remedy on `node`, among the policies in `mode`: the first
/// firing trigger with a ladder of the policy that speaks first. What makes it
/// sick comes before what it is only due for; of that every trigger calls, for where
/// one roll-out may not go on another may. A trigger whose ladder is used up calls only where
/// nothing else does: an incident that waits for a day keeps all others off the node.
#[must_use]
pub fn calls<'v, 'a>(view: &'v View<'a>, node: &'v Node, mode: Mode) -> Vec<Call<'v, 'a>> {
    let mut sick = firing(view, node, mode, false);
    if let Some(sick) = sick.find(|call| is_left(view, node, call)) {
        return vec![sick];
    }
    let mut due: Vec<_> = firing(view, node, mode, true).collect();
    if due.is_empty() {
        due.extend(firing(view, node, mode, false).next());
    }
    due
}

/// What makes `node` sick and calls for nothing, for its remedies are used up and something
/// else calls; and until when, in words.
#[must_use]
pub fn passed_over<'v, 'a>(
    view: &'v View<'a>,
    node: &'v Node,
) -> Option<(Call<'v, 'a>, ladder::UsedUp)> {
    let mut sick = firing(view, node, Mode::Enforce, false);
    let first = sick.next().filter(|call| !is_left(view, node, call))?;
    let is_other = sick.any(|call| is_left(view, node, &call))
        || firing(view, node, Mode::Enforce, true).next().is_some();
    let mut remedies = first.policy.policy.spec.ladder(first.trigger);
    let used_up = remedies.find_map(|it| ladder::used_up(view, node, it));
    Some((first, used_up.filter(|_| is_other)?))
}

fn firing<'v, 'a>(
    view: &'v View<'a>,
    node: &'v Node,
    mode: Mode,
    is_rollout: bool,
) -> impl Iterator<Item = Call<'v, 'a>> {
    let policies = view
        .covering(node)
        .filter(move |policy| policy.policy.spec.mode == mode && policy.problem.is_none());
    policies.flat_map(move |policy| {
        let triggers = policy.policy.spec.triggers.iter();
        let calling = triggers
            .zip(policy.states(&node.name))
            .filter(move |(it, state)| {
                it.is_rollout() == is_rollout
                    && !it.remedies.is_empty()
                    && **state == TriggerState::Firing
            });
        calling.map(move |(trigger, _)| Call { policy, trigger })
    })
}

/// Whether the ladder of what calls leads to anything now.
#[must_use]
pub fn is_left(view: &View<'_>, node: &Node, call: &Call<'_, '_>) -> bool {
    let remedies = call.policy.policy.spec.ladder(call.trigger);
    ladder::leads_on(view, node, remedies)
}

/// The incident on `node` that `name` must let go first: whoever holds the
/// node's slot, then whose turn it is.
#[must_use]
pub fn before(view: &View<'_>, node: &Node, name: &str) -> Option<String> {
    // Also one that has ended: its slot is given back first, or kept.
    let holder = view.slot(&node.name).map(|slot| slot.remediation.clone());
    holder
        .or_else(|| Some(order::first_on(view, node)?.name_any()))
        .filter(|first| first != name)
}

/// Whether an incident goes on.
#[must_use]
pub fn is_open(remediation: &NodeRemediation) -> bool {
    remediation
        .status
        .as_ref()
        .is_none_or(|status| status.outcome.is_none())
}

/// Whether an incident waits for its turn, and what is true of its node alone keeps it from
/// going, maybe for as long as nobody looks after it.
#[must_use]
pub fn is_held_by_its_node(status: &NodeRemediationStatus) -> bool {
    let is_of_node = |reason| {
        matches!(
            reason,
            BlockedReason::NodeSkipped
                | BlockedReason::OwnedByOther
                | BlockedReason::CordonedByOther
                | BlockedReason::NodeDeleting
                | BlockedReason::KernelNotStaged
                | BlockedReason::EmptyDirData
                | BlockedReason::UnmanagedPod
                | BlockedReason::DoNotDisrupt
                | BlockedReason::BlockedByPod
                | BlockedReason::ActuatorUnavailable
                | BlockedReason::ProbeSilent
                | BlockedReason::NoProbe
                | BlockedReason::SignalUnknown
                | BlockedReason::RebootLimit
                | BlockedReason::RemedyExhausted
                | BlockedReason::CoolingDown
        )
    };
    let mut blockers = status.blockers.iter();
    status.phase == Phase::Pending && blockers.any(|it| is_of_node(it.reason))
}

/// Whether an incident waits, and what keeps it from going is true of its zone or rack.
#[must_use]
pub fn is_held_with_its_zone(status: &NodeRemediationStatus) -> bool {
    let mut blockers = status.blockers.iter();
    let is_of_zone = |reason| reason == BlockedReason::TopologyBudgetExhausted;
    status.phase == Phase::Pending && blockers.any(|it| is_of_zone(it.reason))
}

/// Whether an incident waits for the stage of a roll-out, of its own or of an earlier one of
/// the policy.
#[must_use]
pub fn is_held_by_a_rollout(status: &NodeRemediationStatus) -> bool {
    let is_of_stage = |reason| {
        matches!(
            reason,
            BlockedReason::RolloutHalted
                | BlockedReason::CanaryBaking
                | BlockedReason::CanariesFirst
        )
    };
    let mut blockers = status.blockers.iter();
    status.phase == Phase::Pending && blockers.any(|it| is_of_stage(it.reason))
}

/// When it ended.
#[must_use]
pub fn completed_at(remediation: &NodeRemediation) -> Option<Timestamp> {
    let status = remediation.status.as_ref()?;
    Some(status.completed_at.as_ref()?.0)
}

/// The incident to open on `node` for `call`.
#[must_use]
pub fn new(view: &View<'_>, node: &Node, call: &Call<'_, '_>) -> NodeRemediation {
    let Call { policy, trigger } = call;
    let spec = &policy.policy.spec;
    NodeRemediation {
        metadata: ObjectMeta {
            name: Some(next_name(view, &node.name)),
            ..ObjectMeta::default()
        },
        spec: NodeRemediationSpec {
            origin: Origin::Policy,
            node_name: node.name.clone(),
            node_uid: Some(node.uid.clone()),
            reason: None,
            policy_name: Some(policy.name.clone()),
            trigger: Some(trigger.name.clone()),
            remedies: trigger.remedies.clone(),
            recurrence_of: recurrence(view, node, policy, trigger),
            policy: Some(taken_over(
                policy,
                Some((*trigger).clone()),
                spec.ladder(trigger).cloned().collect(),
            )),
        },
        status: None,
    }
}

/// What an incident takes over from its policy.
fn taken_over(
    policy: &PolicyView<'_>,
    trigger: Option<Trigger>,
    remedies: Vec<Remedy>,
) -> PolicySnapshot {
    let spec = &policy.policy.spec;
    PolicySnapshot {
        uid: policy.policy.uid().unwrap_or_default(),
        generation: policy.policy.metadata.generation.unwrap_or_default(),
        trigger,
        remedies,
        drain: spec.drain.clone(),
        gates: spec.gates.clone(),
        soak: spec.soak.clone(),
        after_failure: spec.after_failure,
    }
}

/// The latest incident on the node for the same trigger, if there is one on
/// record.
fn recurrence(
    view: &View<'_>,
    node: &Node,
    policy: &PolicyView<'_>,
    trigger: &Trigger,
) -> Option<String> {
    let ended = view.ended_on(&node.name).iter();
    let same = ended.filter(|it| {
        it.spec.policy_name.as_deref() == Some(&policy.name)
            && it.spec.trigger.as_deref() == Some(&trigger.name)
            && it.spec.node_uid.as_ref() == Some(&node.uid)
    });
    let last = same.max_by_key(|it| (completed_at(it), it.name_any()))?;
    Some(last.name_any())
}

/// `<node>-<n>`, one more than any that is on record, holds a slot or stands on a
/// Node: what belongs to an earlier one must not be taken for the new one's.
fn next_name(view: &View<'_>, node: &str) -> String {
    let number =
        |name: &str| -> Option<u64> { name.strip_prefix(node)?.strip_prefix('-')?.parse().ok() };
    let records = view.incidents().map(ResourceExt::name_any);
    let holders = view.snapshot.slots().map(|slot| slot.remediation.clone());
    let marks = view.nodes().filter_map(Node::cordoned_by);
    let names = records.chain(holders).chain(marks.map(ToOwned::to_owned));
    let last = names.filter_map(|name| number(&name)).max().unwrap_or(0);
    format!("{node}-{}", last.saturating_add(1))
}

/// What an incident that a human made takes over, or why it cannot be carried
/// out.
///
/// # Errors
/// A sentence that names the field and what to write.
pub fn adoption(
    view: &View<'_>,
    node: &Node,
    remediation: &NodeRemediation,
) -> Result<PolicySnapshot, String> {
    let spec = &remediation.spec;
    let policy = match &spec.policy_name {
        Some(name) => {
            let policy = view
                .policy(name)
                .ok_or_else(|| format!("spec.policyName: there is no policy {name}"))?;
            if !policy.covers(&node.name) {
                return Err(format!(
                    "spec.policyName: policy {name} does not cover node {}; name one that does, or leave it out",
                    node.name
                ));
            }
            policy
        }
        None => view.covering(node).next().ok_or_else(|| {
            format!(
                "spec.nodeName: no policy covers node {}, so that nothing says how to treat it",
                node.name
            )
        })?,
    };
    if let Some(problem) = &policy.problem {
        return Err(format!(
            "policy {} is not carried out: {}",
            policy.name, problem.text
        ));
    }
    let remedies = named(&policy.policy.spec, &spec.remedies)
        .map_err(|name| format!("spec.remedies: policy {} has no remedy {name}", policy.name))?;
    if remedies.is_empty() {
        return Err("spec.remedies: write the remedies to try, such as [reboot]".to_owned());
    }
    Ok(taken_over(policy, None, remedies))
}

fn named(spec: &NodeHealthPolicySpec, names: &[String]) -> Result<Vec<Remedy>, String> {
    let one = |name: &String| {
        let remedy = spec.remedies.iter().find(|remedy| remedy.name == *name);
        remedy.cloned().ok_or_else(|| name.clone())
    };
    names.iter().map(one).collect()
}

/// The remedy that a ladder begins with, and what it does.
#[must_use]
pub fn first_remedy<'a>(call: &Call<'_, 'a>) -> Option<(&'a Remedy, RemedyKind)> {
    let remedy = call.policy.policy.spec.ladder(call.trigger).next()?;
    Some((remedy, remedy.kind()?))
}
