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
}

/// Annotations.
pub mod annotation {
    /// On a Node: the incident (a `NodeRemediation`'s name) for which Unstall
    /// cordoned it. Without this annotation Unstall never uncordons a node.
    pub const CORDONED_BY: &str = "unstall.dev/cordoned-by";
    /// On the object of another remediator: the incident that it was made for.
    /// No label: an incident of a node with a long name is longer than those may be.
    pub const REMEDIATION: &str = "unstall.dev/remediation";
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
    /// On a Node: what else we set there, by [`crate::names::mark`], separated by
    /// commas. What stood there before us is not in it, and stays.
    pub const MARKS: &str = "unstall.dev/marks";
    /// On a pod that a kubelet made from a file: it is only a picture of it.
    pub const MIRROR_POD: &str = "kubernetes.io/config.mirror";
    /// Annotations of other actors that are at work on the Node, each with who
    /// sets it.
    pub const OF_OTHERS: [(&str, &str); 1] = [(
        "weave.works/kured-reboot-in-progress",
        "kured is rebooting the node",
    )];
}

/// What we may set on a Node beside the cordon, as [`annotation::MARKS`] lists it.
pub mod mark {
    /// The annotation [`super::annotation::SCALE_DOWN_DISABLED`].
    pub const SCALE_DOWN: &str = "scale-down-disabled";
    /// The label [`super::label::EXCLUDE_FROM_LOAD_BALANCERS`].
    pub const LOAD_BALANCERS: &str = "exclude-from-external-load-balancers";
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

/// Taints.
pub mod taint {
    /// Kubernetes' own on a cordoned node.
    pub const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
    /// Unstall keeps its hands off nodes that carry one of these; each with who
    /// sets it.
    pub const OF_OTHERS: [(&str, &str); 11] = [
        (
            "ToBeDeletedByClusterAutoscaler",
            "the cluster autoscaler is about to delete the node",
        ),
        ("karpenter.sh/disrupted", "Karpenter is disrupting the node"),
        (
            "karpenter.sh/disruption",
            "Karpenter (before v1) is disrupting the node",
        ),
        (
            "node.cluster.x-k8s.io/uninitialized",
            "Cluster API has not finished the node",
        ),
        ("medik8s.io/remediation", "medik8s is remediating the node"),
        ("medik8s.io/drain", "medik8s maintains the node"),
        (
            "node.kubernetes.io/out-of-service",
            "somebody declared the node out of service",
        ),
        (
            "aws-node-termination-handler/spot-itn",
            "the cloud takes the node back",
        ),
        (
            "aws-node-termination-handler/scheduled-maintenance",
            "the cloud maintains the node's machine",
        ),
        (
            "aws-node-termination-handler/asg-lifecycle-termination",
            "the node's scaling group ends it",
        ),
        (
            "cloud.google.com/impending-node-termination",
            "the cloud takes the node back",
        ),
    ];
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
