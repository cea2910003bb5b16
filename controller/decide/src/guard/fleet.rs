//! What the state of the fleet forbids: the breaker, alerts, pods.

use unstall_crds::condition::BlockedReason;
use unstall_crds::policy::BlockingPods;

use super::Ask;
use crate::breaker;
use crate::no::No;
use crate::pods::{Pod, PodPhase};
use crate::view::{PolicyView, View};

/// How many pods a sentence names.
const NAMES: usize = 3;

pub fn forbids(view: &View<'_>, ask: &Ask<'_>) -> Vec<No> {
    let is_storm_allowed = breaker::storm_allowed_until(view.snapshot).is_some();
    let mut reasons = Vec::new();
    for policy in view.covering(ask.node) {
        if !is_storm_allowed {
            reasons.extend(breaker_of(policy));
        }
        reasons.extend(alert(policy, ask));
        reasons.extend(pods_of(view, policy, ask));
    }
    reasons
}

/// What the pods on the node forbid.
pub fn blocking_pods<'v>(view: &'v View<'_>, ask: &'v Ask<'_>) -> impl Iterator<Item = No> + 'v {
    view.covering(ask.node)
        .filter_map(move |policy| pods_of(view, policy, ask))
}

fn pods_of(view: &View<'_>, policy: &PolicyView<'_>, ask: &Ask<'_>) -> Option<No> {
    let rules = &policy.policy.spec.disruption.blocked_by.pods;
    (!rules.is_empty()).then(|| pods(view, ask, rules))?
}

/// Of its own policy that cannot be carried out the incident knows already.
fn alert(policy: &PolicyView<'_>, ask: &Ask<'_>) -> Option<No> {
    let no = policy.alert.as_ref()?;
    if no.reason != BlockedReason::InvalidSpec {
        return Some(no.clone());
    }
    (policy.name != ask.policy).then(|| {
        let text = format!("policy {} may forbid it: {}", policy.name, no.text);
        No::new(no.reason, text).on(format!("NodeHealthPolicy/{}", policy.name))
    })
}

fn breaker_of(policy: &PolicyView<'_>) -> Option<No> {
    let count = policy.breaker;
    count.is_open().then(|| {
        let text = format!(
            "{} of {} nodes of policy {} are unhealthy, more than {}: allow the storm in the ledger if that is true",
            count.unhealthy, count.covered, policy.name, count.limit
        );
        No::new(BlockedReason::BreakerOpen, text)
    })
}

fn pods(view: &View<'_>, ask: &Ask<'_>, rules: &[BlockingPods]) -> Option<No> {
    let Some(pods) = view.snapshot.pods.get(&ask.node.name) else {
        let text =
            "the node's pods are not known yet, so that none that forbids it can be ruled out";
        return Some(No::new(BlockedReason::PodsUnknown, text));
    };
    let (rule, found) = rules.iter().find_map(|rule| {
        let found: Vec<&Pod> = pods.iter().filter(|pod| is_named(rule, pod)).collect();
        (!found.is_empty()).then_some((rule, found))
    })?;
    let mut names: Vec<String> = found.iter().map(|pod| pod.path()).collect();
    names.sort();
    let first = names.iter().take(NAMES).cloned().collect::<Vec<_>>();
    let pods = match names.len() {
        1 => format!("pod {} runs", names[0]),
        all if all > NAMES => {
            format!(
                "pods {} and {} more run",
                first.join(", "),
                all.saturating_sub(NAMES)
            )
        }
        _ => format!("pods {} run", first.join(", ")),
    };
    let text = format!(
        "{pods} on the node, which blockedBy.pods[{}] names",
        rule.name
    );
    let object = format!("Pod/{}", names[0]);
    Some(No::new(BlockedReason::BlockedByPod, text).on(object))
}

fn is_named(rule: &BlockingPods, pod: &Pod) -> bool {
    let namespaces = rule.namespaces.as_ref();
    matches!(pod.phase, PodPhase::Pending | PodPhase::Running)
        && namespaces.is_none_or(|all| all.contains(&pod.namespace))
        && rule.pod_selector.matches(&pod.labels)
}
