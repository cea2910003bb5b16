//! Whether nodes measure worse after a roll-out than before, beside the nodes
//! that it has not touched yet.

use kube::ResourceExt;
use unstall_crds::health::NodeHealth;
use unstall_crds::policy::{HaltOnWorse, NodeHealthPolicy, RolloutStage};
use unstall_crds::remediation::{NodeRemediation, Rung, SignalComparison};
use unstall_crds::signal::SignalName;
use unstall_crds::units::Reading;

use super::progress::{Facts, belongs, fixed};
use crate::judge::{self, Hearing};
use crate::view::{PolicyView, View};
use crate::{Node, incident};

/// What is compared, before the node is rebooted.
#[must_use]
pub fn remember(view: &View<'_>, policy: &PolicyView<'_>, node: &Node) -> Vec<SignalComparison> {
    let signals = policy.policy.spec.rollout.halt_on_worse.signals.iter();
    signals
        .map(|name| SignalComparison {
            name: *name,
            before: median_of(view, node, *name),
            rest_before: rest(view, policy, &node.name, *name),
            after: None,
            rest_after: None,
        })
        .collect()
}

/// The same after its soak.
#[must_use]
pub fn compare(
    view: &View<'_>,
    policy: &PolicyView<'_>,
    node: &Node,
    before: &[SignalComparison],
) -> Vec<SignalComparison> {
    let compared = before.iter().map(|it| SignalComparison {
        after: median_of(view, node, it.name),
        rest_after: rest(view, policy, &node.name, it.name),
        ..it.clone()
    });
    compared.collect()
}

/// Every incident after which its node measures worse, with the numbers. While
/// the canaries bake they are looked at as they are now; nodes that got it after them are
/// not, where a roll-out bakes again because a human resumed it.
pub fn all<'a, 'f>(
    facts: &'f Facts<'a, 'f>,
) -> impl Iterator<Item = (&'a NodeRemediation, String)> + 'f {
    let limit = &facts.policy.policy.spec.rollout.halt_on_worse;
    let mut watched: Vec<String> = canaries(facts).map(ResourceExt::name_any).collect();
    watched.retain(|_| is_baking(facts));
    // No canary is among the rest, so that it is the same for all of them.
    let names = limit.signals.iter().filter(|_| !watched.is_empty());
    let rest: Vec<_> = names
        .map(|name| (*name, rest(facts.view, facts.policy, "", *name)))
        .collect();
    fixed(facts).into_iter().filter_map(move |it| {
        let compared = if watched.contains(&it.name_any()) {
            now(facts, it, &rest)
        } else {
            recorded(facts, it)
        };
        let text = compared.iter().find_map(|signal| text(limit, signal))?;
        Some((it, format!("{}: {text}", it.spec.node_name)))
    })
}

/// Whether the canaries are looked at as they are now.
fn is_baking(facts: &Facts<'_, '_>) -> bool {
    let stage = facts.before.map(|before| before.stage);
    matches!(stage, Some(RolloutStage::Canary | RolloutStage::Baking))
}

/// The first nodes that got it, as many as there are to be canaries, and are there still. Of
/// one that is gone nothing more will be known.
fn canaries<'a>(facts: &Facts<'a, '_>) -> impl Iterator<Item = &'a NodeRemediation> {
    let wanted = usize::from(facts.policy.policy.spec.rollout.canaries);
    let first = fixed(facts).into_iter().take(wanted);
    first.filter(|it| facts.view.node(&it.spec.node_name).is_some())
}

/// A canary, and the signal of it that is not known now.
pub fn unknown(facts: &Facts<'_, '_>) -> Option<String> {
    canaries(facts).find_map(|it| {
        let compared = if is_baking(facts) {
            now(facts, it, &[])
        } else {
            recorded(facts, it)
        };
        let signal = compared.iter().find(|signal| signal.after.is_none())?;
        Some(format!("{} of {}", signal.name, it.spec.node_name))
    })
}

/// What was compared after the incident, beside `rest` and as it is now.
fn now(
    facts: &Facts<'_, '_>,
    it: &NodeRemediation,
    rest: &[(SignalName, Option<Reading>)],
) -> Vec<SignalComparison> {
    let mut compared = recorded(facts, it);
    let Some(node) = facts.view.node(&it.spec.node_name) else {
        return compared;
    };
    for signal in &mut compared {
        let of_rest = rest.iter().find(|(name, _)| *name == signal.name);
        signal.after = median_of(facts.view, node, signal.name);
        signal.rest_after = of_rest.and_then(|(_, reading)| *reading);
    }
    compared
}

/// What was compared at the end of the incident. What the policy names no more is not
/// waited for either.
fn recorded(facts: &Facts<'_, '_>, it: &NodeRemediation) -> Vec<SignalComparison> {
    let limit = &facts.policy.policy.spec.rollout.halt_on_worse;
    let compared = last_compared(it).map(|rung| rung.comparison.iter());
    let compared = compared.into_iter().flatten();
    compared
        .filter(|signal| limit.signals.contains(&signal.name))
        .cloned()
        .collect()
}

/// A signal that is to be compared and that the node does not tell now.
#[must_use]
pub fn not_told(view: &View<'_>, policy: &NodeHealthPolicy, node: &Node) -> Option<SignalName> {
    let mut signals = policy.spec.rollout.halt_on_worse.signals.iter().copied();
    signals.find(|name| median_of(view, node, *name).is_none())
}

fn last_compared(it: &NodeRemediation) -> Option<&Rung> {
    let rungs = it.status.as_ref()?.rungs.iter().rev();
    rungs.into_iter().find(|rung| !rung.comparison.is_empty())
}

/// What got worse, and by how much; `None` where it did not.
///
/// Worse is more than the tolerance above what it was, after the change that the
/// rest of the fleet saw in the same time, and at or above the signal's elevated
/// level: a tenth more of nothing is noise. What was not known before counts as
/// nothing, so that the level alone decides.
fn text(limit: &HaltOnWorse, signal: &SignalComparison) -> Option<String> {
    let after = signal.after?;
    if after.0.number() < signal.name.elevated().number() {
        return None;
    }
    let number = |reading: Option<Reading>| reading.map(|it| u128::from(it.0.number()));
    let before = number(signal.before).unwrap_or(0);
    let (rest_before, rest_after) = match (number(signal.rest_before), number(signal.rest_after)) {
        // The fleet's own change counts in favour of the node, never against it.
        (Some(before), Some(after)) if before > 0 && after > before => (before, after),
        _ => (1, 1),
    };
    let tolerated = u128::from(limit.tolerance_percent) + 100;
    let allowed = before * tolerated * rest_after / (100 * rest_before);
    if u128::from(after.0.number()) <= allowed {
        return None;
    }
    let was = signal
        .before
        .map_or("unknown".to_owned(), |it| it.to_string());
    let rest = match (signal.rest_before, signal.rest_after) {
        (Some(before), Some(after)) => format!("; untouched nodes {after} (were {before})"),
        _ => String::new(),
    };
    Some(format!(
        "P50 of {} is {after} (was {was}), {} % more are tolerated{rest}",
        signal.name, limit.tolerance_percent
    ))
}

/// The P50 of a signal, if the probe is heard and knows it.
fn median_of(view: &View<'_>, node: &Node, name: SignalName) -> Option<Reading> {
    if view.hearing(node) != Hearing::Heard {
        return None;
    }
    p50(view.health(node)?, name)
}

fn p50(health: &NodeHealth, name: SignalName) -> Option<Reading> {
    judge::signal(health, name)?.p50
}

/// The median of the covered nodes that no roll-out of the policy has touched, but for `node`.
fn rest(view: &View<'_>, policy: &PolicyView<'_>, node: &str, name: SignalName) -> Option<Reading> {
    let covered = policy.covered.iter();
    let untouched = covered.filter(|other| other.name != node && !is_touched(view, policy, other));
    let mut readings: Vec<Reading> = untouched
        .filter_map(|other| median_of(view, other, name))
        .collect();
    readings.sort_by_key(|reading| reading.0.number());
    readings.get(readings.len() / 2).copied()
}

fn is_touched(view: &View<'_>, policy: &PolicyView<'_>, node: &Node) -> bool {
    let incidents = view.open_on(&node.name).iter();
    let mut all = incidents.chain(view.ended_on(&node.name));
    all.any(|it| {
        let mut triggers = policy.policy.spec.triggers.iter();
        triggers.any(|trigger| trigger.is_rollout() && belongs(it, policy.policy, trigger))
            && (!incident::is_open(it) || it.status.as_ref().is_some_and(|s| !s.rungs.is_empty()))
    })
}
