//! (pure) What the scheduler says of a pod that has no node.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use k8s_openapi::api::core::v1::PodCondition;

/// How the scheduler begins, after the number of nodes.
const NONE_OF: &str = " nodes are available: ";
/// What it says of a cordoned node,
const CORDONED: &str = "node(s) were unschedulable";
/// and of nodes that will not take the pod however much room they get
/// (kube-scheduler's plugins, Kubernetes 1.30 to 1.37).
const NEVER: [&str; 7] = [
    "node(s) didn't match Pod's node affinity/selector",
    "node(s) didn't match PersistentVolume's node affinity",
    "node(s) had volume node affinity conflict",
    "node(s) had untolerated taint",
    "node(s) didn't match pod anti-affinity rules",
    "node(s) didn't match pod topology spread constraints",
    "node(s) didn't find available persistent volumes to bind",
];

/// Whether it could go to a node that is cordoned, and to no other, however much
/// room there were. A sentence that is not understood says nothing.
pub fn needs_cordoned(conditions: &[PodCondition]) -> bool {
    conditions
        .iter()
        .filter(|it| it.type_ == "PodScheduled" && it.status == "False")
        .filter(|it| it.reason.as_deref() == Some("Unschedulable"))
        .filter_map(|it| it.message.as_deref())
        .any(waits_for_uncordon)
}

fn waits_for_uncordon(message: &str) -> bool {
    let Some((_, reasons)) = message.split_once(NONE_OF) else {
        return false;
    };
    // What follows is about preemption.
    let reasons = reasons.split(". ").next().unwrap_or_default();
    let reasons = reasons.trim_end_matches('.').split(", ");
    let texts: Vec<&str> = reasons
        .map(|reason| {
            reason
                .trim_start_matches(|c: char| c.is_ascii_digit())
                .trim_start()
        })
        .collect();
    let is_never = |text: &&str| NEVER.iter().any(|never| text.starts_with(never));
    let (cordoned, others): (Vec<&str>, Vec<&str>) =
        texts.into_iter().partition(|text| *text == CORDONED);
    !cordoned.is_empty() && others.iter().all(is_never)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_pod_that_no_other_node_would_take_needs_the_cordoned_one() {
        for (message, needs) in [
            // As kube-scheduler 1.37.2 said it of a pod with a node selector.
            (
                "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match Pod's node \
                 affinity/selector. no new claims to deallocate, preemption: 0/3 nodes are available: 3 \
                 Preemption is not helpful for scheduling.",
                true,
            ),
            (
                "0/2 nodes are available: 1 node(s) were unschedulable, 1 node(s) had untolerated taint(s).",
                true,
            ),
            (
                "0/3 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable, 1 node(s) didn't \
                 match Pod's node affinity/selector.",
                false,
            ),
            (
                "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
                false,
            ),
            (
                "0/3 nodes are available: 3 node(s) were unschedulable.",
                true,
            ),
            ("node(s) were unschedulable", false),
            ("", false),
        ] {
            assert_eq!(waits_for_uncordon(message), needs, "{message}");
            let condition = |reason: &str| PodCondition {
                type_: "PodScheduled".into(),
                status: "False".into(),
                reason: Some(reason.into()),
                message: Some(message.into()),
                ..PodCondition::default()
            };
            assert_eq!(needs_cordoned(&[condition("Unschedulable")]), needs);
            assert!(!needs_cordoned(&[condition("SchedulingGated")]));
        }
    }
}
