//! Every name that Unstall writes on objects, or reads from those of others.

/// The API group.
pub const GROUP: &str = "unstall.dev";

/// The API version.
pub const VERSION: &str = "v1alpha1";

/// The name of the only `DisruptionLedger`.
pub const LEDGER: &str = "cluster";

/// Field managers of server-side apply: one per writer, so that no writer
/// takes away what another one owns.
pub mod manager {
    /// The controller's objects, statuses and Node annotations.
    pub const CONTROLLER: &str = "unstall-controller";
    /// The probe's status of its own `NodeHealth`.
    pub const PROBE: &str = "unstall-probe";
    /// What a person does with `kubectl unstall`.
    pub const PLUGIN: &str = "unstall-plugin";
}

/// Annotations.
pub mod annotation {
    /// On a Node: the incident (a `NodeRemediation`'s name) for which Unstall
    /// cordoned it. Without this annotation Unstall never uncordons a node.
    pub const CORDONED_BY: &str = "unstall.dev/cordoned-by";
    /// On a Node: present with any value but `false`, Unstall does nothing to
    /// the node; it is still watched.
    pub const SKIP: &str = "unstall.dev/skip";
    /// Cluster API's own opt-out, honoured as [`SKIP`] is.
    pub const CLUSTER_API_SKIP: &str = "cluster.x-k8s.io/skip-remediation";
    /// On a Node while Unstall works on it: keeps the cluster autoscaler away.
    pub const SCALE_DOWN_DISABLED: &str = "cluster-autoscaler.kubernetes.io/scale-down-disabled";
    /// On a pod or Node: Karpenter's request not to be disrupted.
    pub const KARPENTER_DO_NOT_DISRUPT: &str = "karpenter.sh/do-not-disrupt";
    /// On a pod: `false` asks not to be evicted.
    pub const SAFE_TO_EVICT: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict";
    /// On a pod that a kubelet made from a file: it is only a picture of it.
    pub const MIRROR_POD: &str = "kubernetes.io/config.mirror";
}

/// Labels.
pub mod label {
    /// On a Node while an incident waits at a gate: the gate's name. A
    /// DaemonSet that selects this label runs where it is needed.
    pub const GATE: &str = "unstall.dev/gate";
    /// On a Node that is drained: keeps it out of external load balancers.
    pub const EXCLUDE_FROM_LOAD_BALANCERS: &str =
        "node.kubernetes.io/exclude-from-external-load-balancers";
}

/// Taints. Unstall keeps its hands off nodes that carry one of another actor.
pub mod taint {
    /// Kubernetes' own on a cordoned node.
    pub const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
    /// The cluster autoscaler is about to delete the node.
    pub const AUTOSCALER_DELETES: &str = "ToBeDeletedByClusterAutoscaler";
    /// Karpenter is disrupting the node.
    pub const KARPENTER_DISRUPTED: &str = "karpenter.sh/disrupted";
}

/// Finalizers.
pub mod finalizer {
    /// On a `NodeRemediation` in flight: deleting the record first brings the
    /// node to a defined state.
    pub const REMEDIATION: &str = "unstall.dev/remediation";
}

/// Condition types on the Node.
pub mod node_condition {
    /// True while the kernel of the node stalls, Unknown while its probe is
    /// silent; never latched.
    pub const KERNEL_STALL: &str = "unstall.dev/KernelStall";
    /// An incident waits for its turn (KEP-5683; well known since Kubernetes 1.37).
    pub const MAINTENANCE_PLANNED: &str = "MaintenancePlanned";
    /// Unstall evicts pods (KEP-5683).
    pub const DRAIN_IN_PROGRESS: &str = "DrainInProgress";
    /// The node is drained (KEP-5683).
    pub const DRAINED: &str = "Drained";
    /// A remedy that takes the node away is at work (KEP-5683).
    pub const MAINTENANCE_IN_PROGRESS: &str = "MaintenanceInProgress";
    /// The reason of the conditions above when they are ours. Others may set
    /// the same types: only those with this reason are ours to remove.
    pub const REASON: &str = "UnstallRemediation";
}
