//! Signals that a policy needs and that nodes cannot give.

use std::collections::BTreeMap;

use unstall_crds::condition::{ConditionReason, ConditionStatus};
use unstall_crds::health::{NodeHealth, SignalState};
use unstall_crds::policy::{NodeHealthPolicy, Trigger, UnavailableSignal};
use unstall_crds::signal::SignalName;

use crate::judge::{self, Hearing};
use crate::view::{PolicyView, View};
use crate::{Node, record};

/// How many names a list for people holds at most, and characters of a sentence.
const NAMES: usize = 10;
const SENTENCE: usize = 256;

/// The signals of `policy` that some of the `covered` nodes cannot read, each with those nodes.
#[must_use]
pub fn unavailable(view: &View<'_>, policy: &PolicyView<'_>) -> Vec<UnavailableSignal> {
    let mut by_name: BTreeMap<SignalName, UnavailableSignal> = BTreeMap::new();
    if !policy.policy.spec.triggers.iter().any(needs_signals) {
        return Vec::new();
    }
    for node in &policy.covered {
        for (name, why) in missing(view, policy.policy, node) {
            let entry = by_name.entry(name).or_insert_with(|| UnavailableSignal {
                name,
                count: 0,
                nodes: Vec::new(),
                message: record::cut(&why, SENTENCE),
            });
            entry.count += 1;
            if entry.nodes.len() < NAMES {
                entry.nodes.push(node.name.clone());
            }
        }
    }
    by_name.into_values().collect()
}

/// What the condition SignalsAvailable says of them.
#[must_use]
pub fn condition(
    view: &View<'_>,
    policy: &PolicyView<'_>,
    unavailable: &[UnavailableSignal],
) -> (ConditionStatus, ConditionReason, String) {
    let covered = &policy.covered;
    if !unavailable.is_empty() {
        let each = unavailable.iter().map(|signal| {
            let UnavailableSignal { name, count, .. } = signal;
            format!("{name} on {count} of {} nodes", covered.len())
        });
        let each: Vec<_> = each.collect();
        let text = format!(
            "cannot be read: {} (see unavailableSignals)",
            each.join(", ")
        );
        return (ConditionStatus::False, ConditionReason::NotReadable, text);
    }
    if covered.is_empty() {
        let text = "spec.nodeSelector covers no node".to_owned();
        return (
            ConditionStatus::Unknown,
            ConditionReason::NoNodesSelected,
            text,
        );
    }
    let is_unheard = |node: &&&Node| view.hearing(node) != Hearing::Heard;
    let unheard = covered.iter().filter(is_unheard).count();
    let needs_signals = policy
        .policy
        .spec
        .triggers
        .iter()
        .any(|it| it.signal.is_some());
    if unheard > 0 && needs_signals {
        let text = format!(
            "{unheard} of {} nodes have no probe that is heard of",
            covered.len()
        );
        return (ConditionStatus::Unknown, ConditionReason::NoProbe, text);
    }
    let text = "every needed signal is read on every node".to_owned();
    (ConditionStatus::True, ConditionReason::AllReadable, text)
}

/// The signals that `node` cannot give and without which a trigger cannot be judged on it, each
/// with the reason.
fn missing(
    view: &View<'_>,
    policy: &NodeHealthPolicy,
    node: &Node,
) -> BTreeMap<SignalName, String> {
    let health = view.health(node);
    let heard = health.filter(|_| view.hearing(node) == Hearing::Heard);
    let Some(health) = heard else {
        return BTreeMap::new();
    };
    let triggers = policy.spec.triggers.iter();
    let counting = triggers.filter(|trigger| needs_signals(trigger) && counts_on(trigger, health));
    counting
        .flat_map(|trigger| blind_for(trigger, health))
        .collect()
}

fn needs_signals(trigger: &Trigger) -> bool {
    trigger.signal.is_some() || !trigger.corroborated_by.is_empty()
}

/// Whether `trigger` counts on the kernel that the node runs.
fn counts_on(trigger: &Trigger, health: &NodeHealth) -> bool {
    let Some(gate) = &trigger.only_on_kernel else {
        return true;
    };
    let status = health.status.as_ref();
    let kernel = status.and_then(|status| status.kernel.as_ref());
    kernel.is_none_or(|kernel| gate.admits(&kernel.running))
}

/// The trigger's own signal; or its corroborators, if the node can give none of them.
fn blind_for(trigger: &Trigger, health: &NodeHealth) -> Vec<(SignalName, String)> {
    let own = trigger
        .signal
        .iter()
        .filter_map(|signal| why_not(health, signal.name));
    let others = &trigger.corroborated_by;
    let absent: Vec<_> = others
        .iter()
        .filter_map(|name| why_not(health, *name))
        .collect();
    let is_none_left = absent.len() == others.len();
    own.chain(absent.into_iter().filter(|_| is_none_left))
        .collect()
}

/// Why `health` lacks the signal, if it does.
fn why_not(health: &NodeHealth, name: SignalName) -> Option<(SignalName, String)> {
    let why = match judge::signal(health, name) {
        Some(signal) if signal.state != SignalState::Unknown => return None,
        Some(signal) => signal.message.clone(),
        None => Some(format!("the probe does not measure {name}")),
    };
    let why = why.unwrap_or_else(|| "the probe does not say why".to_owned());
    Some((name, why))
}
