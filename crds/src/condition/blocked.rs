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
        /// Another control-plane node is unavailable; no policy allows more than one.
        ControlPlaneBudgetExhausted,
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
        /// Canaries of the roll-out go first, and this node is none.
        CanariesFirst,
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
        /// The policy, or the incident, asks for what cannot be understood or carried out.
        InvalidSpec,
        /// The pods of the node could not be read.
        PodsUnknown,
        /// A PodDisruptionBudget allows no eviction.
        PodDisruptionBudget,
        /// Two or more PodDisruptionBudgets select one pod, which the API server never evicts then.
        MultiplePodDisruptionBudgets,
        /// The API server or an admission webhook refuses the eviction.
        EvictionRefused,
        /// The API server asks to be called less often.
        ApiThrottled,
        /// A rule of the drain waits for a pod to end by itself.
        WaitingForPod,
        /// A pod has emptyDir data, and deleteEmptyDirData is false.
        EmptyDirData,
        /// A pod has no controller that would replace it, and force is false.
        UnmanagedPod,
        /// A pod asks by annotation not to be disrupted.
        DoNotDisrupt,
        /// A pod does not terminate.
        PodNotTerminating,
        /// A volume is still attached to the node.
        VolumeAttached,
        /// Load balancers are given time to notice that the node leaves.
        LeavingLoadBalancers,
        /// The node is not Ready.
        NodeNotReady,
        /// The trigger fires, or has not been judged since the remedy.
        TriggerNotClear,
        /// Pods that were evicted have no node yet.
        PodsUnplaced,
        /// A human holds the node, or must look after it.
        HeldForHuman,
        /// Another remediator is at work.
        HandedOver,
        /// The node would lose its controller's only ready replica.
        LastReadyReplica,
        /// The ledger's history is full.
        LedgerFull,
        /// The incident's slot is not in the ledger any more, so its command must not be given.
        SlotLost,
        /// A watch of the controller is interrupted, so that what it sees may be old.
        ViewStale,
        /// What an incident set on the Node cannot be removed.
        MarksStay,
    }
}
