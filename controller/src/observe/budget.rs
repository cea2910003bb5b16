//! (pure) What decisions need of a `PodDisruptionBudget`.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;
use unstall_decide::DisruptionBudget;

/// What decisions need of `budget`. Without a status, or with one of an earlier
/// spec, it allows nothing: so the API server has it.
#[must_use]
pub fn from_kube(budget: &PodDisruptionBudget) -> DisruptionBudget {
    let spec = budget.spec.as_ref();
    let status = budget.status.as_ref();
    let generation = budget.metadata.generation.unwrap_or_default();
    let current = status.filter(|it| it.observed_generation.unwrap_or_default() >= generation);
    let policy = spec.and_then(|spec| spec.unhealthy_pod_eviction_policy.as_deref());
    let is_healthy = status.is_some_and(|status| {
        status.desired_healthy > 0 && status.current_healthy >= status.desired_healthy
    });
    DisruptionBudget {
        namespace: budget.namespace().unwrap_or_default(),
        name: budget.name_any(),
        selector: spec.and_then(|spec| spec.selector.clone()),
        allowed: current.map_or(0, |status| status.disruptions_allowed),
        allows_unready: policy == Some("AlwaysAllow") || is_healthy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(generation: i64, spec: Value, status: Value) -> DisruptionBudget {
        let metadata = json!({"namespace": "web", "name": "b", "generation": generation});
        let budget = json!({"metadata": metadata, "spec": spec, "status": status});
        from_kube(&serde_json::from_value(budget).unwrap())
    }

    fn status(observed: i64, allowed: i32, healthy: i32, desired: i32) -> Value {
        json!({
            "observedGeneration": observed, "disruptionsAllowed": allowed, "currentHealthy": healthy,
            "desiredHealthy": desired, "expectedPods": 3,
        })
    }

    #[test]
    fn a_status_counts_while_it_is_of_this_spec() {
        let selector = json!({"matchLabels": {"app": "web"}});
        let read = |status| read(2, json!({"selector": selector}), status);
        let budget = read(status(2, 1, 3, 2));
        assert_eq!(
            (budget.namespace.as_str(), budget.name.as_str()),
            ("web", "b")
        );
        assert!(budget.selector.unwrap().match_labels.is_some());
        assert_eq!(budget.allowed, 1);
        assert_eq!(read(status(3, 1, 3, 2)).allowed, 1);
        assert_eq!(read(status(1, 1, 3, 2)).allowed, 0);
        assert_eq!(read(Value::Null).allowed, 0);
        assert!(!read(Value::Null).allows_unready);
    }

    #[test]
    fn a_missing_selector_stays_missing_and_an_empty_one_empty() {
        let selector = |spec| read(1, spec, Value::Null).selector;
        assert_eq!(selector(json!({})), None);
        assert_eq!(selector(json!({"selector": {}})), Some(Default::default()));
    }

    #[test]
    fn unready_pods_go_where_enough_others_are_healthy_or_always() {
        let allows = |policy: Value, healthy, desired| {
            let spec = json!({"unhealthyPodEvictionPolicy": policy});
            read(1, spec, status(1, 0, healthy, desired)).allows_unready
        };
        for (policy, healthy, desired, expected) in [
            (Value::Null, 2, 2, true),
            (Value::Null, 1, 2, false),
            (Value::Null, 0, 0, false),
            (json!("IfHealthyBudget"), 3, 2, true),
            (json!("IfHealthyBudget"), 1, 2, false),
            (json!("AlwaysAllow"), 0, 2, true),
        ] {
            assert_eq!(
                allows(policy.clone(), healthy, desired),
                expected,
                "{policy} {healthy} {desired}"
            );
        }
    }
}
