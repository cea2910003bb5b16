//! (map) `NodeHealthPolicy`: what is sick, what may be done, how much at once.

mod spec;

mod signal;
mod trigger;

mod remedy;

mod drain;
mod gate;

mod blocked_by;
mod disruption;
mod window;

mod rollout;

mod hash;

mod status;
mod status_budget;
mod status_rollout;

pub use blocked_by::{
    AlertMatcher, AlertRule, BlockedBy, BlockingAlerts, BlockingPods, MatchOperator,
};
pub use disruption::{Disruption, TopologyBudget};
pub use drain::{Drain, DrainAction, DrainRule, DrainStep, DrainTimeoutAction};
pub use gate::{AnnotationGate, ConditionGate, Gate, GateTimeoutAction, Gates};
pub use remedy::{
    Approval, Cordon, DropCaches, HandOver, Reboot, Remedy, RemedyKind, TemplateReference,
    WhenExhausted,
};
pub use rollout::{AfterFailure, HaltOnWorse, Rollout, Soak};
pub use signal::{KernelGate, Signal};
pub use spec::{Mode, NodeHealthPolicy, NodeHealthPolicySpec};
pub use status::{
    BlockedNodes, Breaker, BreakerState, Forecast, NodeCounts, NodeHealthPolicyStatus,
    UnavailableSignal,
};
pub use status_budget::{Budget, BudgetUse, BudgetUser, InPlaceBudget, TopologyUse, WindowStatus};
pub use status_rollout::{RolloutProgress, RolloutStage};
pub use trigger::{ConditionTrigger, KernelTrigger, NodeConditionStatus, RebootRequired, Trigger};
pub use window::{Exclusion, Weekday, Window, WindowedAction, Windows};
