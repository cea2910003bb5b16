//! What has to be looked at beside what is always watched.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kube::ResourceExt;
use unstall_crds::policy::{Mode, RemedyKind, TemplateReference};
use unstall_crds::remediation::{NodeRemediation, Phase};

use crate::view::View;
use crate::{incident, ladder, order, record};

/// How long pods of a node that waits behind many are looked at.
const TURN_SECONDS: i64 = 120;

/// What the next snapshot has to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Nodes whose pods are needed.
    pub pods: BTreeSet<String>,
    /// Whether pods without a node are.
    pub unplaced: bool,
    /// Whether `PodDisruptionBudget`s are.
    pub budgets: bool,
    /// Whether `VolumeAttachment`s are.
    pub attachments: bool,
    /// Objects of other remediators: incident, node, template.
    pub handed_over: Vec<(String, String, TemplateReference)>,
    /// Templates that policies name.
    pub templates: Vec<TemplateReference>,
}

/// What is needed to decide on the next snapshot.
#[must_use]
pub fn wanted(view: &View<'_>) -> Wanted {
    let snapshot = view.snapshot;
    let limit = snapshot.limits.pod_nodes;
    let mut wanted = Wanted::default();
    let mut waiting = Vec::new();
    for it in order::incidents(view) {
        if of_incident(it, &mut wanted) && wanted.pods.len() < limit {
            wanted.pods.insert(it.spec.node_name.clone());
        }
        if is_held_until_pods_are_known(view, it) {
            waiting.push(it.spec.node_name.as_str());
        }
    }
    let called = order::calls(view, Mode::Enforce).into_iter();
    let called = called.map(|(node, _)| node.name.as_str());
    waiting.extend(called.filter(|node| has_blocking_pods(view, node)));
    waiting.retain(|node| !wanted.pods.contains(*node));
    let room = limit.saturating_sub(wanted.pods.len());
    let turn = turns(&waiting, room, snapshot.now);
    wanted.pods.extend(turn.into_iter().map(str::to_owned));
    for (node, call) in order::calls(view, Mode::Observe).into_iter().take(limit) {
        let kind = incident::first_remedy(&call).map(|(_, kind)| kind);
        let is_forecast = kind == Some(RemedyKind::Reboot);
        if (is_forecast || has_blocking_pods(view, &node.name)) && wanted.pods.len() < limit {
            wanted.pods.insert(node.name.clone());
            wanted.budgets |= is_forecast;
        }
    }
    let policies = snapshot.policies.iter();
    let remedies = policies.flat_map(|policy| &policy.spec.remedies);
    let templates = remedies.filter_map(|remedy| Some(remedy.hand_over.as_ref()?.template.clone()));
    wanted.templates = templates.collect();
    wanted
}

/// Of nodes that wait, those whose pods are looked at now: the first ones always, and the others
/// in turns. Else none would ever go behind as many as cannot.
fn turns<'n>(waiting: &[&'n str], room: usize, now: Timestamp) -> Vec<&'n str> {
    if waiting.len() <= room {
        return waiting.to_vec();
    }
    let (first, others) = waiting.split_at(room / 2);
    let shared = room - first.len();
    let turn = usize::try_from(now.as_second().max(0) / TURN_SECONDS).unwrap_or_default();
    let begin = turn.wrapping_mul(shared) % others.len();
    let others = others.iter().cycle().skip(begin).take(shared);
    first.iter().chain(others).copied().collect()
}

/// What an incident at work needs; whether the pods of its node are among it.
fn of_incident(it: &NodeRemediation, wanted: &mut Wanted) -> bool {
    let phase = record::phase(it);
    let status = it.status.as_ref();
    wanted.attachments |= phase == Phase::Draining;
    let drain = status.and_then(|status| status.drain.as_ref());
    wanted.unplaced |= phase == Phase::Soaking && drain.is_some_and(|it| !it.displaced.is_empty());
    if phase == Phase::HandedOver {
        let template = status.and_then(|status| ladder::template_at_work(it, status));
        let node = &it.spec.node_name;
        wanted
            .handed_over
            .extend(template.map(|template| (it.name_any(), node.clone(), template)));
    }
    // A reboot is ordered with the pods that were seen, and no others.
    matches!(phase, Phase::Cordoning | Phase::Draining | Phase::Rebooting)
}

/// Whether an incident waits, and the pods of its node have a say in when it goes.
fn is_held_until_pods_are_known(view: &View<'_>, it: &NodeRemediation) -> bool {
    record::phase(it) == Phase::Pending
        && (is_next_a_reboot(it) || has_blocking_pods(view, &it.spec.node_name))
}

/// Whether what comes next empties the node.
fn is_next_a_reboot(it: &NodeRemediation) -> bool {
    let rungs = it.status.as_ref().map_or(0, |status| status.rungs.len());
    let next = ladder::of(it).get(rungs);
    next.is_some_and(|remedy| remedy.reboot.is_some())
}

/// Whether a policy that covers `node` names pods that forbid a disruption.
#[must_use]
pub fn has_blocking_pods(view: &View<'_>, node: &str) -> bool {
    let Some(node) = view.node(node) else {
        return false;
    };
    let mut policies = view.covering(node);
    policies.any(|it| !it.policy.spec.disruption.blocked_by.pods.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_always_looked_at_and_the_others_in_turns() {
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        let at = |turn: i64| Timestamp::from_second(turn * TURN_SECONDS + 7).unwrap();
        assert_eq!(turns(&names, 7, at(0)), names);
        let looked_at: Vec<Vec<&str>> = (0..4).map(|turn| turns(&names, 4, at(turn))).collect();
        assert_eq!(
            looked_at,
            [
                ["a", "b", "c", "d"],
                ["a", "b", "e", "f"],
                ["a", "b", "g", "c"],
                ["a", "b", "d", "e"]
            ]
        );
        assert_eq!(turns(&names, 1, at(3)), ["d"]);
        assert_eq!(turns(&names, 0, at(3)), [""; 0]);
    }
}
