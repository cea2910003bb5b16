//! Which incidents are to be opened.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use unstall_crds::health::TriggerState;
use unstall_crds::policy::{Mode, NodeHealthPolicy, RemedyKind, Trigger};
use unstall_crds::remediation::{NodeRemediation, NodeRemediationSpec, Origin, PolicySnapshot};

use crate::{Node, Snapshot, judge, select, support};

/// A trigger that fires on a node, with the policy that supplies the ladder.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The policy.
    pub policy: &'a NodeHealthPolicy,
    /// Its trigger.
    pub trigger: &'a Trigger,
}

/// What calls for a remedy on `node`, among the policies in `mode`: the first
/// firing trigger with a ladder of the policy that speaks first.
#[must_use]
pub fn call<'a>(snapshot: &'a Snapshot, node: &Node, mode: Mode) -> Option<Call<'a>> {
    select::covering(snapshot, node)
        .into_iter()
        .filter(|policy| policy.spec.mode == mode && support::unsupported(&policy.spec).is_none())
        .find_map(|policy| {
            let trigger = policy.spec.triggers.iter().find(|trigger| {
                !trigger.remedies.is_empty()
                    && judge::state(snapshot, node, &policy.name_any(), trigger)
                        == TriggerState::Firing
            })?;
            Some(Call { policy, trigger })
        })
}

/// The incident on `node` that has not ended, if there is one.
#[must_use]
pub fn open_on<'a>(snapshot: &'a Snapshot, node: &Node) -> Option<&'a NodeRemediation> {
    snapshot
        .remediations
        .iter()
        .find(|r| r.spec.node_name == node.name && is_open(r))
}

/// The incident on `node` that `name` must let go first: whoever holds the
/// node's slot, then the first that is open.
#[must_use]
pub fn before(snapshot: &Snapshot, node: &Node, name: &str) -> Option<String> {
    let ledger = snapshot.ledger.iter().filter_map(|l| l.status.as_ref());
    let mut slots = ledger.flat_map(|status| &status.slots);
    let holder = slots
        .find(|slot| slot.node == node.name)
        .map(|slot| slot.remediation.clone());
    holder
        .or_else(|| Some(open_on(snapshot, node)?.name_any()))
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

/// The incident to open on `node`, if a policy in Enforce calls for one.
#[must_use]
pub fn to_open(snapshot: &Snapshot, node: &Node) -> Option<NodeRemediation> {
    if open_on(snapshot, node).is_some() {
        return None;
    }
    let Call { policy, trigger } = call(snapshot, node, Mode::Enforce)?;
    let spec = &policy.spec;
    Some(NodeRemediation {
        metadata: ObjectMeta {
            name: Some(next_name(snapshot, &node.name)),
            ..ObjectMeta::default()
        },
        spec: NodeRemediationSpec {
            origin: Origin::Policy,
            node_name: node.name.clone(),
            node_uid: Some(node.uid.clone()),
            reason: None,
            policy_name: Some(policy.name_any()),
            trigger: Some(trigger.name.clone()),
            remedies: trigger.remedies.clone(),
            recurrence_of: None,
            policy: Some(PolicySnapshot {
                uid: policy.uid().unwrap_or_default(),
                generation: policy.metadata.generation.unwrap_or_default(),
                trigger: Some(trigger.clone()),
                remedies: spec.ladder(trigger).cloned().collect(),
                drain: spec.drain.clone(),
                gates: spec.gates.clone(),
                soak: spec.soak.clone(),
                after_failure: spec.after_failure,
            }),
        },
        status: None,
    })
}

/// `<node>-<n>`, one more than any that is on record or holds a slot.
fn next_name(snapshot: &Snapshot, node: &str) -> String {
    let number =
        |name: &str| -> Option<u64> { name.strip_prefix(node)?.strip_prefix('-')?.parse().ok() };
    let records = snapshot.remediations.iter().map(ResourceExt::name_any);
    let ledger = snapshot.ledger.iter().filter_map(|l| l.status.as_ref());
    let holders = ledger
        .flat_map(|status| &status.slots)
        .map(|slot| slot.remediation.clone());
    let names = records.chain(holders);
    let last = names.filter_map(|name| number(&name)).max().unwrap_or(0);
    format!("{node}-{}", last.saturating_add(1))
}

/// The remedy that a ladder begins with, and what it does.
#[must_use]
pub fn first_remedy(call: &Call<'_>) -> Option<(String, RemedyKind)> {
    let remedy = call.policy.spec.ladder(call.trigger).next()?;
    Some((remedy.name.clone(), remedy.kind()?))
}
