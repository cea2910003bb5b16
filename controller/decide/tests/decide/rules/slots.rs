//! Nothing begins that a budget, a human, the node or the clock forbids.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use kube::ResourceExt;
use unstall_crds::health::TriggerState;
use unstall_crds::ledger::{DisruptionLedgerStatus, SlotKind};
use unstall_crds::policy::{NodeHealthPolicy, Remedy, RemedyKind};
use unstall_crds::remediation::{NodeRemediation, Outcome, RungResult};
use unstall_decide::{Node, SlotRequest, Snapshot, Unreadable, UnreadableKind};

use super::facts::{
    away, boots, covered, covering, has_ended, incident, is_heard, is_of_others, is_unhealthy,
    judged, ledger,
};
use super::time;
use crate::schema::item_misfits;

/// Slots that the plan takes before.
type Taken<'a> = BTreeMap<&'a str, SlotKind>;

pub fn taking(snapshot: &Snapshot, request: &SlotRequest, taken: &Taken<'_>) -> Vec<String> {
    let SlotRequest {
        slot,
        history,
        beside,
        replaces: _,
    } = request;
    let mut broken = item_misfits("DisruptionLedger", "slots", slot);
    broken.extend(item_misfits("DisruptionLedger", "history", history));
    let mut say = |what: &str| broken.push(format!("slot for {}: {what}", slot.remediation));
    let node = &snapshot.nodes[&slot.node];
    let status = ledger(snapshot);
    let others = status.slots.iter().filter(|held| held.node != slot.node);
    let known: BTreeSet<_> = others
        .map(|s| s.node.as_str())
        .chain(taken.keys().copied())
        .collect();
    if beside.iter().map(String::as_str).collect::<BTreeSet<_>>() != known {
        say("not beside those that are held");
    }
    let mut held = status.slots.iter().filter(|held| held.node == slot.node);
    if held.any(|held| held.remediation != slot.remediation) {
        say("another incident has the node's");
    }
    if slot.node_uid != node.uid || !time::is_kept(snapshot, node, history) {
        say("for another node, or not kept for long enough");
    }
    let Some((asks, remedy)) = asks(snapshot, request) else {
        say("nobody asks for that remedy");
        return broken;
    };
    let kind = remedy.kind().unwrap();
    if kind.is_disruptive() != slot.kind.is_disruptive() || kind != history.action {
        say("of another kind");
    }
    let is_over = match slot.kind {
        SlotKind::InPlace => in_place_is_over(snapshot, node, taken),
        SlotKind::Disruptive => {
            is_over(snapshot, node, taken) || takes_our_last(snapshot, node, taken, kind)
        }
    };
    if is_over {
        say("over a budget");
    }
    if is_forbidden(snapshot, node, asks, kind) {
        say("something forbids it");
    }
    if is_at_a_bad_time(snapshot, node, asks, kind) {
        say("at a bad time");
    }
    if used_up(snapshot, request, remedy, &status) {
        say("used too often");
    }
    if slot.kind == SlotKind::Disruptive {
        let boots = boots(snapshot, node);
        let is_of_boot = slot.boot_id.iter().all(|id| boots.contains(id.as_str()));
        if !is_of_boot || (kind == RemedyKind::Reboot && boots.len() != 1) {
            say("for a boot that is not known");
        }
    }
    // What has begun goes on with its next remedy.
    let rungs = asks.status.iter().flat_map(|it| &it.rungs);
    let is_begun = rungs
        .into_iter()
        .any(|rung| rung.result != Some(RungResult::Skipped));
    if !is_begun && is_halted(snapshot, asks) {
        say("of a roll-out on which a node failed");
    }
    broken
}

/// The open incident, and its next remedy.
fn asks<'a>(
    snapshot: &'a Snapshot,
    request: &SlotRequest,
) -> Option<(&'a NodeRemediation, &'a Remedy)> {
    let asks = incident(snapshot, &request.slot.remediation)?;
    let ladder = &asks.spec.policy.as_ref()?.remedies;
    let tried = asks.status.as_ref().map_or(0, |status| status.rungs.len());
    let next = ladder.get(tried)?;
    let fits = !has_ended(asks)
        && asks.spec.node_name == request.slot.node
        && next.name == request.history.remedy;
    fits.then_some((asks, next))
}

fn of_kind<'a>(taken: &Taken<'a>, kind: SlotKind) -> impl Iterator<Item = &'a str> {
    let of_kind = taken.iter().filter(move |(_, taken)| **taken == kind);
    of_kind.map(|(node, _)| *node)
}

fn in_place_is_over(snapshot: &Snapshot, node: &Node, taken: &Taken<'_>) -> bool {
    let slots = snapshot.slots();
    let in_place = slots.filter(|s| s.kind == SlotKind::InPlace && s.node != node.name);
    let used: BTreeSet<&str> = in_place
        .map(|s| s.node.as_str())
        .chain(of_kind(taken, SlotKind::InPlace))
        .collect();
    covering(snapshot, node).any(|policy| {
        let nodes = covered(snapshot, policy);
        let total = u32::try_from(nodes.len()).unwrap();
        let limit = policy.spec.disruption.max_in_place.nodes_of(total);
        let of_policy = |name: &&&str| {
            !snapshot.nodes.contains_key(**name) || nodes.iter().any(|n| n.name == ***name)
        };
        used.iter().filter(of_policy).count() >= usize::try_from(limit).unwrap()
    })
}

/// The nodes that are away and this one must be no more than each budget allows.
fn is_over(snapshot: &Snapshot, node: &Node, taken: &Taken<'_>) -> bool {
    let mut others = away(snapshot);
    others.extend(of_kind(taken, SlotKind::Disruptive));
    others.remove(node.name.as_str());
    let is_gone = |name: &str| !snapshot.nodes.contains_key(name);
    let policies_say = covering(snapshot, node).any(|policy| {
        let nodes = covered(snapshot, policy);
        let count = |of: &[&Node], limit: &unstall_crds::units::IntOrPercent, with_gone: bool| {
            let total = u32::try_from(of.len()).unwrap();
            let used = others
                .iter()
                .filter(|name| (with_gone && is_gone(name)) || of.iter().any(|n| n.name == **name));
            used.count() >= usize::try_from(limit.nodes_of(total)).unwrap()
        };
        let disruption = &policy.spec.disruption;
        let topologies = disruption.per_topology.iter().any(|budget| {
            let value = |node: &Node| node.labels.get(&budget.key).cloned().unwrap_or_default();
            let group = nodes.iter().copied().filter(|it| value(it) == value(node));
            count(&group.collect::<Vec<_>>(), &budget.max_unavailable, false)
        });
        count(&nodes, &disruption.max_unavailable, true) || topologies
    });
    let is_control_plane = |node: &Node| {
        node.labels
            .contains_key("node-role.kubernetes.io/control-plane")
    };
    let other = others
        .iter()
        .filter_map(|name| snapshot.nodes.get(*name))
        .any(|node| is_control_plane(node));
    policies_say || (is_control_plane(node) && other)
}

/// Whether the only ready replica of the controller is on the node; several leave it
/// one after the other while it is drained.
fn takes_our_last(snapshot: &Snapshot, node: &Node, taken: &Taken<'_>, kind: RemedyKind) -> bool {
    let slots = snapshot.slots().filter(|slot| slot.kind.is_disruptive());
    let disrupted: BTreeSet<&str> = slots
        .map(|slot| slot.node.as_str())
        .chain(of_kind(taken, SlotKind::Disruptive))
        .collect();
    let replicas = snapshot.replicas.as_deref().unwrap_or_default();
    let here = || replicas.iter().filter(|it| it.node == node.name);
    let stays = replicas
        .iter()
        .any(|it| it.node != node.name && it.ready && !disrupted.contains(&*it.node));
    let ready = here().filter(|it| it.ready).count();
    here().count() > 0 && !stays && !(kind == RemedyKind::Reboot && ready > 1)
}

/// Whether a human, the node or the breaker forbids to begin anything.
fn is_forbidden(
    snapshot: &Snapshot,
    node: &Node,
    asks: &NodeRemediation,
    kind: RemedyKind,
) -> bool {
    let Some(spec) = snapshot.ledger.as_ref().map(|ledger| &ledger.spec) else {
        return true;
    };
    let holds = |until: &Option<unstall_crds::ledger::Until>| {
        until.as_ref().is_some_and(|u| u.until.0 > snapshot.now)
    };
    let breaker = |policy: &NodeHealthPolicy| {
        let nodes = covered(snapshot, policy);
        let sick = nodes.iter().filter(|n| is_unhealthy(snapshot, policy, n));
        let share = usize::from(policy.spec.disruption.stop_when_unhealthy.get());
        sick.count() > (nodes.len() * share).div_ceil(100).max(1)
    };
    let trigger = asks.spec.policy.as_ref().and_then(|it| it.trigger.as_ref());
    let is_measured = trigger.is_some_and(|trigger| trigger.signal.is_some());
    let on_node = matches!(kind, RemedyKind::DropCaches | RemedyKind::Reboot);
    let is_foreign = node.unschedulable && node.cordoned_by() != Some(&asks.name_any());
    let clears = trigger.filter(|_| is_measured).is_some_and(|trigger| {
        let policy = asks.spec.policy_name.as_deref().unwrap_or_default();
        let judged = judged(snapshot, node, policy, trigger);
        // One that did not come back from an earlier rung is judged already.
        let is_away = is_begun(asks) && !(is_heard(snapshot, node) && node.is_ready());
        judged.is_some_and(|it| match it.state {
            TriggerState::Firing => false,
            TriggerState::Clear => true,
            TriggerState::Unknown => !is_away,
        })
    });
    let broken = |it: &Unreadable| it.kind == UnreadableKind::NodeHealthPolicy;
    holds(&spec.pause)
        || snapshot.stale.is_some()
        || snapshot.unreadable.iter().any(broken)
        || is_of_others(node)
        || (kind.is_disruptive() && is_foreign)
        || (!is_heard(snapshot, node) && (on_node || (is_measured && !is_begun(asks))))
        || clears
        || covering(snapshot, node).any(|policy| policy.spec.suspend)
        || (!holds(&spec.allow_storm) && covering(snapshot, node).any(breaker))
}

fn is_begun(asks: &NodeRemediation) -> bool {
    let rungs = asks.status.iter().flat_map(|status| &status.rungs);
    let mut done = rungs.filter(|rung| rung.result != Some(RungResult::Skipped));
    done.next().is_some()
}

fn is_at_a_bad_time(
    snapshot: &Snapshot,
    node: &Node,
    asks: &NodeRemediation,
    kind: RemedyKind,
) -> bool {
    let is_manual = asks.spec.trigger.is_none();
    let by_clock = time::is_shut(snapshot, node, kind)
        || (!is_begun(asks) && time::is_cooling_down(snapshot, node));
    (!is_manual && by_clock)
        || (kind == RemedyKind::Reboot && time::is_rebooted_out(snapshot, node))
        || (kind.is_disruptive() && time::is_pausing(snapshot, node))
}

/// Whether the remedy was used as often as the incident's own ladder allows.
fn used_up(
    snapshot: &Snapshot,
    request: &SlotRequest,
    remedy: &Remedy,
    ledger: &DisruptionLedgerStatus,
) -> bool {
    let new = &request.history;
    let day = SignedDuration::from_hours(24);
    let uses = ledger.history.iter().filter(|entry| {
        entry.node == new.node
            && entry.remedy == new.remedy
            && snapshot.now.duration_since(entry.at.0) < day
    });
    uses.count() >= usize::from(remedy.max_per_node_per_24h)
}

/// Whether a node of the same kernel roll-out failed, and no human resumed it.
fn is_halted(snapshot: &Snapshot, asks: &NodeRemediation) -> bool {
    let target = |it: &NodeRemediation| {
        let trigger = it.spec.policy.as_ref()?.trigger.as_ref()?;
        let kernel = trigger.kernel.as_ref()?;
        Some((
            it.spec.policy_name.clone(),
            trigger.name.clone(),
            kernel.at_least.clone(),
        ))
    };
    let Some(wanted) = target(asks) else {
        return false;
    };
    let resumed = snapshot
        .ledger
        .iter()
        .flat_map(|it| &it.spec.resume_rollouts);
    let resumed: Vec<_> = resumed
        .filter(|it| Some(&it.policy) == wanted.0.as_ref() && it.trigger == wanted.1)
        .collect();
    snapshot.remediations.iter().any(|it| {
        let status = it.status.as_ref();
        let outcome = status.and_then(|status| status.outcome);
        let ended = status.and_then(|status| status.completed_at.as_ref());
        let is_bad = matches!(
            outcome,
            Some(Outcome::Failed | Outcome::NotFixed | Outcome::Recurred)
        );
        let goes_on = |at| resumed.iter().any(|it| at <= &it.halted_before);
        is_bad && target(it).as_ref() == Some(&wanted) && !ended.is_some_and(goes_on)
    })
}
