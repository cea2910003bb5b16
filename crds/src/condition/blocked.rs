//! (pure) Why nothing happens to a node, in stable words.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use crate::string_enum::string_enum;

string_enum! {
    /// Why nothing, or nothing more, happens to a sick node. The same words
    /// stand in statuses, Events, metrics and the output of the plugin.
    pub enum BlockedReason {
        /// The policy only observes.
        ObserveMode,
        /// The policy is suspended.
        PolicySuspended,
        /// A human paused everything in the ledger.
        Paused,
        /// The breaker is open: too many nodes look sick at once.
        BreakerOpen,
        /// As many nodes are unavailable as maxUnavailable allows.
        BudgetExhausted,
        /// As many nodes of the zone, pool or other topology are unavailable as perTopology allows.
        TopologyBudgetExhausted,
        /// As many nodes are being cured in place as maxInPlace allows.
        InPlaceBudgetExhausted,
        /// No allowed time window is open.
        OutsideWindow,
        /// An excluded time is on.
        ExcludedTime,
        /// The last disruption ended less than pauseBetween ago.
        PauseBetween,
        /// The node was treated less than cooldownPerNode ago.
        CoolingDown,
        /// The node was rebooted maxRebootsPerNodePer24h times in 24 hours.
        RebootLimit,
        /// The remedy was used maxPerNodePer24h times on the node in 24 hours.
        RemedyExhausted,
        /// Every remedy of the ladder was tried.
        LadderExhausted,
        /// A human must approve the remedy.
        ApprovalRequired,
        /// A pod that runs on the node forbids it.
        BlockedByPod,
        /// A firing alert forbids it.
        BlockedByAlert,
        /// Prometheus does not answer, so that no alert can be ruled out.
        AlertsUnknown,
        /// A gate has not been opened.
        GateClosed,
        /// The node's probe is silent.
        ProbeSilent,
        /// The node has no probe, and the policy or remedy needs one.
        NoProbe,
        /// A signal that the policy needs cannot be read on the node.
        SignalUnknown,
        /// The node's actuator cannot carry out the remedy.
        ActuatorUnavailable,
        /// The kernel that the roll-out wants is not staged on the node.
        KernelNotStaged,
        /// The roll-out was halted.
        RolloutHalted,
        /// The canaries are still being watched.
        CanaryBaking,
        /// An annotation on the node opts out.
        NodeSkipped,
        /// Another actor, such as an autoscaler, is about to remove the node.
        OwnedByOther,
        /// Someone else cordoned the node.
        CordonedByOther,
        /// The node object is being deleted.
        NodeDeleting,
        /// Another incident on the node is not over.
        OtherIncident,
        /// A PodDisruptionBudget allows no eviction.
        PodDisruptionBudget,
        /// A pod has emptyDir data, and deleteEmptyDirData is false.
        EmptyDirData,
        /// A pod has no controller that would replace it, and force is false.
        UnmanagedPod,
        /// A pod asks by annotation not to be disrupted.
        DoNotDisrupt,
        /// A pod does not terminate.
        PodNotTerminating,
        /// The node would lose its controller's only ready replica.
        LastReadyReplica,
        /// The ledger's history is full.
        LedgerFull,
        /// The incident's slot is not in the ledger any more, so its command must not be given.
        SlotLost,
    }
}
