//! A Node, as decisions need it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node as KubeNode, NodeCondition as KubeCondition};
use kube::ResourceExt;
use unstall_decide::{Node, NodeCondition};

/// Annotations that others write on every node and nobody here reads; some are
/// long.
const UNREAD: [&str; 3] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "csi.volume.kubernetes.io/nodeid",
    "volumes.kubernetes.io/controller-managed-attach-detach",
];

/// The name and what is kept.
pub fn plain(node: KubeNode) -> (String, Node) {
    let name = node.name_any();
    let spec = node.spec.unwrap_or_default();
    let status = node.status.unwrap_or_default();
    let info = status.node_info;
    let mut annotations: BTreeMap<String, String> = node.metadata.annotations.unwrap_or_default();
    annotations.retain(|key, _| !UNREAD.contains(&key.as_str()));
    let kept = Node {
        name: name.clone(),
        uid: node.metadata.uid.unwrap_or_default(),
        resource_version: node.metadata.resource_version,
        labels: node.metadata.labels.unwrap_or_default(),
        annotations,
        taints: spec.taints.into_iter().flatten().map(|it| it.key).collect(),
        unschedulable: spec.unschedulable == Some(true),
        deleting: node.metadata.deletion_timestamp.is_some(),
        conditions: status
            .conditions
            .into_iter()
            .flatten()
            .map(condition)
            .collect(),
        boot_id: info
            .as_ref()
            .map(|info| info.boot_id.clone())
            .filter(|id| !id.is_empty()),
        // What is no version is not known.
        kernel: info.and_then(|info| info.kernel_version.parse().ok()),
        volumes: status
            .volumes_attached
            .into_iter()
            .flatten()
            .map(|volume| volume.name)
            .collect(),
    };
    (name, kept)
}

fn condition(condition: KubeCondition) -> NodeCondition {
    NodeCondition {
        type_: condition.type_,
        status: condition.status,
        reason: condition.reason.unwrap_or_default(),
        message: condition.message.unwrap_or_default(),
        since: condition.last_transition_time.map(|time| time.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: serde_json::Value) -> Node {
        plain(serde_json::from_value(value).unwrap()).1
    }

    #[test]
    fn what_is_absent_is_not_known() {
        let node = read(json!({"metadata": {"name": "n"}}));
        assert!(!node.is_ready() && !node.unschedulable);
        assert_eq!((node.boot_id, node.kernel), (None, None));
        let info = json!({
            "bootID": "", "kernelVersion": "unknown", "architecture": "", "containerRuntimeVersion": "",
            "kubeProxyVersion": "", "kubeletVersion": "", "machineID": "", "operatingSystem": "",
            "osImage": "", "systemUUID": "",
        });
        let node = read(json!({"metadata": {"name": "n"}, "status": {"nodeInfo": info}}));
        assert_eq!((node.boot_id, node.kernel), (None, None));
    }

    #[test]
    fn what_decisions_read_is_kept() {
        let node = read(json!({
            "metadata": {
                "name": "n", "uid": "u", "resourceVersion": "7",
                "annotations": {"csi.volume.kubernetes.io/nodeid": "{}", "unstall.dev/skip": "yes"},
            },
            "spec": {"unschedulable": true, "taints": [{"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}]},
            "status": {"conditions": [{
                "type": "Ready", "status": "True", "reason": "KubeletReady",
                "lastTransitionTime": "2026-03-02T12:00:00Z", "lastHeartbeatTime": "2026-03-02T12:01:00Z",
            }]},
        }));
        assert!(node.is_ready() && node.unschedulable);
        assert_eq!(node.annotations.len(), 1);
        assert!(node.taints.contains("karpenter.sh/disrupted"));
        assert_eq!(node.resource_version.as_deref(), Some("7"));
        let since = node.condition("Ready").unwrap().since.unwrap();
        assert_eq!(since.to_string(), "2026-03-02T12:00:00Z");
    }
}
