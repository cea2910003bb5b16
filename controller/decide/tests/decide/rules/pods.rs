//! Which pods may be sent away.

use jiff::SignedDuration;
use unstall_crds::policy::{Drain, DrainAction, DrainRule};
use unstall_crds::remediation::{NodeRemediation, Phase};
use unstall_decide::{Action, Plan, Pod, PodOrder, Snapshot};

use super::facts::{incident, is_of_others, phase, slot};

pub fn sending(snapshot: &Snapshot, order: &PodOrder, is_eviction: bool) -> Vec<String> {
    let PodOrder {
        node: name,
        remediation,
        pod: wanted,
        grace,
    } = order;
    let mut broken = Vec::new();
    let mut say = |what: &str| broken.push(format!("pod {}: {what}", wanted.name));
    let asks = incident(snapshot, remediation);
    let node = &snapshot.nodes[name];
    let is_ours = node.unschedulable
        && node.cordoned_by() == Some(remediation)
        && slot(snapshot, name, remediation).is_some_and(|slot| slot.kind.is_disruptive());
    if !is_ours || is_of_others(node) {
        say("the node is not ours");
    }
    let (Some(asks), Some(pod)) = (asks, find(snapshot, order)) else {
        say("it, or the incident, is not there");
        return broken;
    };
    let status = asks.status.as_ref();
    let drain = asks.spec.policy.as_ref().map(|it| it.drain.clone());
    let drain = drain.unwrap_or_default();
    let since = status.and_then(|status| status.phase_since.as_ref());
    let notice = SignedDuration::try_from(drain.exclude_from_load_balancers.get()).unwrap();
    let is_noticed = since.is_some_and(|since| snapshot.now.duration_since(since.0) >= notice);
    if phase(status) != Phase::Draining || !is_noticed {
        say("the node is not being drained yet");
    }
    if wanted.uid.is_empty() || pod.deleting.is_some() {
        say("it is leaving, or no UID says which it is");
    }
    if !has_to_leave(snapshot, asks, pod) || is_kept(&drain, pod) {
        say("it may stay");
    }
    if grace.map_or(pod.grace_seconds, |grace| grace) < 1 {
        say("no time is left to it");
    }
    let deletes = |rule: &DrainRule| rule.steps.iter().any(|it| it.action == DrainAction::Delete);
    if !is_eviction && !rule(&drain, pod).is_some_and(deletes) {
        say("no rule says to delete it");
    }
    broken
}

/// So many evictions are in flight on one node at once.
pub fn at_once(snapshot: &Snapshot, plan: &Plan) -> Vec<String> {
    let nodes = snapshot.nodes.keys();
    let planned = |node: &String| {
        let orders = plan.actions.iter().filter(|action| match action {
            Action::Evict(order) | Action::DeletePod(order) => order.node == *node,
            _ => false,
        });
        let pods = snapshot.pods.get(node).into_iter().flatten();
        let leaving = pods.filter(|pod| pod.deleting.is_some_and(|until| until >= snapshot.now));
        match (orders.count(), leaving.count()) {
            (0, _) => 0,
            (new, leaving) => new + leaving,
        }
    };
    let limit = snapshot.limits.evictions_per_node;
    let over = nodes.filter(|node| planned(node) > limit);
    over.map(|node| format!("more than {limit} pods leave {node} at once"))
        .collect()
}

fn find<'a>(snapshot: &'a Snapshot, order: &PodOrder) -> Option<&'a Pod> {
    let mut pods = snapshot.pods.get(&order.node)?.iter();
    pods.find(|pod| pod.to_ref() == order.pod)
}

fn rule<'a>(drain: &'a Drain, pod: &Pod) -> Option<&'a DrainRule> {
    drain.rules.iter().find(|rule| {
        let selector = rule.pod_selector.as_ref();
        let namespaces = rule.namespaces.as_ref();
        selector.is_none_or(|it| it.matches(&pod.labels))
            && namespaces.is_none_or(|it| it.contains(&pod.namespace))
    })
}

/// Whether a drain waits for a pod to go.
pub fn has_to_leave(snapshot: &Snapshot, incident: &NodeRemediation, pod: &Pod) -> bool {
    let drain = incident.spec.policy.as_ref().map(|it| it.drain.clone());
    let drain = drain.unwrap_or_default();
    let is_of_daemon_set = pod.owner.as_ref().is_some_and(|it| it.kind == "DaemonSet");
    let skips = |rule: &DrainRule| {
        let last = rule.steps.last();
        last.is_some_and(|step| step.action == DrainAction::Skip)
    };
    let is_given_up = match (pod.deleting, &drain.skip_wait_for_delete_timeout) {
        (Some(until), Some(limit)) => {
            snapshot.now.duration_since(until) >= SignedDuration::try_from(limit.get()).unwrap()
        }
        _ => false,
    };
    !is_of_daemon_set
        && !pod.mirror
        && !pod.tolerates_unschedulable
        && !rule(&drain, pod).is_some_and(skips)
        && !is_given_up
}

/// Whether something protects a pod that runs: its data, its lack of a
/// controller, or its own wish.
fn is_kept(drain: &Drain, pod: &Pod) -> bool {
    let rule = rule(drain, pod);
    let is_named = rule.is_some_and(|it| it.pod_selector.is_some() || it.namespaces.is_some());
    !pod.is_finished()
        && ((pod.empty_dir && !drain.delete_empty_dir_data)
            || (pod.owner.is_none() && !drain.force)
            || (pod.do_not_disrupt.is_some() && !is_named))
}
