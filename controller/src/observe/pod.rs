//! (pure) What decisions need of a pod.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use k8s_openapi::api::core::v1::{self as core, Toleration, Volume};
use kube::ResourceExt;
use unstall_crds::names::{annotation, taint};
use unstall_decide::{Owner, Pod, PodPhase};

use super::placing::needs_cordoned;

/// What Kubernetes gives a pod that names no grace period.
const DEFAULT_GRACE: i64 = 30;

/// What decisions need of `pod`. What is missing never makes it easier to evict.
#[must_use]
pub fn from_kube(pod: &core::Pod) -> Pod {
    let spec = pod.spec.as_ref();
    let status = pod.status.as_ref();
    let volumes = || spec.iter().flat_map(|it| it.volumes.iter().flatten());
    let mut tolerations = spec.iter().flat_map(|it| it.tolerations.iter().flatten());
    let told = status.and_then(|it| it.conditions.as_deref());
    let told = told.unwrap_or_default();
    let grace = spec.and_then(|spec| spec.termination_grace_period_seconds);
    Pod {
        namespace: pod.namespace().unwrap_or_default(),
        name: pod.name_any(),
        uid: pod.uid().unwrap_or_default(),
        labels: pod.labels().clone(),
        owner: owner(pod),
        phase: phase(status.and_then(|status| status.phase.as_deref())),
        priority: spec.and_then(|spec| spec.priority).unwrap_or_default(),
        ready: told
            .iter()
            .any(|it| it.type_ == "Ready" && it.status == "True"),
        mirror: pod.annotations().contains_key(annotation::MIRROR_POD),
        empty_dir: volumes().any(|volume| volume.empty_dir.is_some()),
        tolerates_unschedulable: tolerations.any(tolerates_cordon),
        do_not_disrupt: do_not_disrupt(pod),
        finalizers: pod.finalizers().to_vec(),
        claims: volumes().filter_map(|volume| claim(pod, volume)).collect(),
        deleting: pod.metadata.deletion_timestamp.as_ref().map(|it| it.0),
        grace_seconds: grace.unwrap_or(DEFAULT_GRACE),
        needs_cordoned: needs_cordoned(told),
    }
}

/// Its controller, which is not just any owner.
fn owner(pod: &core::Pod) -> Option<Owner> {
    let mut owners = pod.owner_references().iter();
    let owner = owners.find(|owner| owner.controller == Some(true))?;
    Some(Owner {
        kind: owner.kind.clone(),
        name: owner.name.clone(),
        uid: owner.uid.clone(),
    })
}

/// A phase that is missing or new is none that any check passes over.
fn phase(phase: Option<&str>) -> PodPhase {
    match phase {
        Some("Pending") => PodPhase::Pending,
        Some("Running") => PodPhase::Running,
        Some("Succeeded") => PodPhase::Succeeded,
        Some("Failed") => PodPhase::Failed,
        _ => PodPhase::Unknown,
    }
}

/// As the scheduler compares a toleration with the taint of a cordoned node,
/// which has no value.
fn tolerates_cordon(toleration: &Toleration) -> bool {
    let is_given = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    let (effect, key) = (&toleration.effect, &toleration.key);
    (!is_given(effect) || effect.as_deref() == Some("NoSchedule"))
        && (!is_given(key) || key.as_deref() == Some(taint::UNSCHEDULABLE))
        && match toleration.operator.as_deref() {
            Some("Exists") => true,
            None | Some("" | "Equal") => !is_given(&toleration.value),
            Some(_) => false,
        }
}

/// The annotation, with its value where that is what asks.
fn do_not_disrupt(pod: &core::Pod) -> Option<String> {
    let value = |key| pod.annotations().get(key).map(String::as_str);
    let key = annotation::KARPENTER_DO_NOT_DISRUPT;
    if value(key).is_some_and(|value| value != "false") {
        return Some(key.to_owned());
    }
    let key = annotation::SAFE_TO_EVICT;
    (value(key) == Some("false")).then(|| format!("{key}=false"))
}

/// A generic ephemeral volume has a claim that is named after pod and volume.
fn claim(pod: &core::Pod, volume: &Volume) -> Option<String> {
    match (&volume.persistent_volume_claim, &volume.ephemeral) {
        (Some(claim), _) => Some(claim.claim_name.clone()),
        (None, Some(_)) => Some(format!("{}-{}", pod.name_any(), volume.name)),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(pod: Value) -> Pod {
        from_kube(&serde_json::from_value(pod).unwrap())
    }

    #[test]
    fn everything_that_is_given_is_taken() {
        let pod = read(json!({
            "metadata": {
                "namespace": "web", "name": "web-1", "uid": "u-1", "labels": {"app": "web"},
                "finalizers": ["a.b/c"], "deletionTimestamp": "2026-03-01T10:00:30Z",
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "u-c"},
                    {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "s", "uid": "u-s", "controller": true},
                ],
            },
            "spec": {
                "containers": [], "priority": 7, "terminationGracePeriodSeconds": 5,
                "volumes": [
                    {"name": "a", "persistentVolumeClaim": {"claimName": "data"}},
                    {"name": "b", "ephemeral": {}},
                    {"name": "c", "emptyDir": {}},
                ],
            },
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": "True"}],
            },
        }));
        let expected = Pod {
            namespace: "web".into(),
            name: "web-1".into(),
            uid: "u-1".into(),
            labels: [("app".to_owned(), "web".to_owned())].into(),
            owner: Some(Owner {
                kind: "StatefulSet".into(),
                name: "s".into(),
                uid: "u-s".into(),
            }),
            phase: PodPhase::Running,
            priority: 7,
            ready: true,
            mirror: false,
            empty_dir: true,
            tolerates_unschedulable: false,
            do_not_disrupt: None,
            finalizers: vec!["a.b/c".into()],
            claims: vec!["data".into(), "web-1-b".into()],
            deleting: Some("2026-03-01T10:00:30Z".parse().unwrap()),
            grace_seconds: 5,
            needs_cordoned: false,
        };
        assert_eq!(pod, expected);
    }

    #[test]
    fn nothing_given_is_nothing_that_makes_it_easier() {
        let pod = read(json!({"metadata": {"name": "x"}}));
        let expected = Pod {
            name: "x".into(),
            phase: PodPhase::Unknown,
            grace_seconds: 30,
            ..Pod::default()
        };
        assert_eq!(pod, expected);
        let phase = |phase: &str| read(json!({"status": {"phase": phase}})).phase;
        assert_eq!(phase("Resizing"), PodPhase::Unknown);
        assert_eq!(phase("Pending"), PodPhase::Pending);
        assert_eq!(phase("Succeeded"), PodPhase::Succeeded);
        assert_eq!(phase("Failed"), PodPhase::Failed);
        let not_ready = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}});
        assert!(!read(not_ready).ready);
        let zero = json!({"spec": {"containers": [], "terminationGracePeriodSeconds": 0}});
        assert_eq!(read(zero).grace_seconds, 0);
    }

    #[test]
    fn an_owner_that_is_no_controller_is_none() {
        let owned = |controller: Value| {
            let owner = json!({"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u", "controller": controller});
            read(json!({"metadata": {"ownerReferences": [owner]}})).owner
        };
        assert_eq!(owned(Value::Null), None);
        assert_eq!(owned(json!(false)), None);
        assert_eq!(owned(json!(true)).unwrap().kind, "Node");
    }

    #[test]
    fn a_mirror_pod_is_known_by_its_annotation_whatever_its_value() {
        let annotations = json!({"kubernetes.io/config.mirror": ""});
        assert!(read(json!({"metadata": {"annotations": annotations}})).mirror);
    }

    #[test]
    fn both_requests_not_to_be_disrupted_are_heard() {
        let asks = |key: &str, value: &str| {
            read(json!({"metadata": {"annotations": {key: value}}})).do_not_disrupt
        };
        let karpenter = "karpenter.sh/do-not-disrupt";
        for value in ["true", "", "30m"] {
            assert_eq!(
                asks(karpenter, value).as_deref(),
                Some(karpenter),
                "{value}"
            );
        }
        assert_eq!(asks(karpenter, "false"), None);
        let autoscaler = "cluster-autoscaler.kubernetes.io/safe-to-evict";
        let text = format!("{autoscaler}=false");
        assert_eq!(asks(autoscaler, "false"), Some(text));
        assert_eq!(asks(autoscaler, "true"), None);
        assert_eq!(asks("example.org/other", "true"), None);
    }

    #[test]
    fn tolerations_are_compared_as_the_scheduler_does() {
        let cordon = "node.kubernetes.io/unschedulable";
        for (toleration, tolerates) in [
            (json!({"operator": "Exists"}), true),
            (json!({"key": "", "operator": "Exists", "effect": ""}), true),
            (json!({"key": cordon, "operator": "Exists"}), true),
            (
                json!({"key": cordon, "operator": "Exists", "effect": "NoSchedule"}),
                true,
            ),
            (json!({"key": cordon, "effect": "NoSchedule"}), true),
            (
                json!({"key": cordon, "operator": "Equal", "value": ""}),
                true,
            ),
            (
                json!({"key": cordon, "operator": "Equal", "value": "x"}),
                false,
            ),
            (
                json!({"key": cordon, "operator": "Gt", "value": "1"}),
                false,
            ),
            (
                json!({"key": cordon, "operator": "Exists", "effect": "NoExecute"}),
                false,
            ),
            (json!({"operator": "Exists", "effect": "NoExecute"}), false),
            (
                json!({"key": "node.kubernetes.io/not-ready", "operator": "Exists"}),
                false,
            ),
        ] {
            let spec =
                json!({"containers": [], "tolerations": [{"key": "other"}, toleration.clone()]});
            let pod = read(json!({"spec": spec}));
            assert_eq!(pod.tolerates_unschedulable, tolerates, "{toleration}");
        }
    }
}
