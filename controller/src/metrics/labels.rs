//! The label sets. Each is bounded: by lists in the code, or by the policies and their
//! triggers (16 each).

use prometheus_client::encoding::EncodeLabelSet;

/// A call to the API server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Call {
    /// As in RBAC.
    pub verb: &'static str,
    /// With its subresource.
    pub resource: &'static str,
    /// The HTTP status; `error` without an answer, `abandoned` past its time limit.
    pub code: String,
}

/// Calls of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CallOf {
    /// As in RBAC.
    pub verb: &'static str,
    /// With its subresource.
    pub resource: &'static str,
}

/// The build.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Build {
    /// The released version.
    pub version: &'static str,
    /// The commit it was built from.
    pub commit: &'static str,
}

/// How something went.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfResult {
    /// A word of a fixed list.
    pub result: &'static str,
}

/// An action of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfAction {
    /// Which.
    pub action: &'static str,
    /// `done` or `failed`.
    pub result: &'static str,
}

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfKind {
    /// Its kind.
    pub kind: &'static str,
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
pub struct OfPolicy {
    /// Its name.
    pub policy: String,
}

/// A trigger of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfTrigger {
    /// The policy.
    pub policy: String,
    /// The trigger.
    pub trigger: String,
}

/// The remedy of an incident that ended before any.
pub const NO_REMEDY: &str = "None";

/// How an incident ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfEnd {
    /// As in the API.
    pub outcome: &'static str,
    /// What was done last; `None` where nothing was.
    pub remedy: &'static str,
}

/// Incidents in a phase.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfPhase {
    /// As in the API.
    pub phase: &'static str,
}

/// Nodes of a policy in a state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfState {
    /// The policy.
    pub policy: String,
    /// A field of the policy's `status.nodes`.
    pub state: &'static str,
}

/// Nodes of a policy to which nothing is done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
pub struct OfReason {
    /// The policy.
    pub policy: String,
    /// Why, as in the API.
    pub reason: &'static str,
}

/// A verdict of probes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfVerdict {
    /// As in the API.
    pub verdict: &'static str,
}

/// One of the budgets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfBudget {
    /// The policy.
    pub policy: String,
    /// `maxUnavailable` or `maxInPlace`.
    pub budget: &'static str,
}

/// Slots of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfSlot {
    /// As in the API.
    pub kind: &'static str,
}

/// Nodes of a roll-out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfRollout {
    /// The policy.
    pub policy: String,
    /// The trigger that is the roll-out.
    pub trigger: String,
    /// A field of the policy's `status.rollouts`.
    pub state: &'static str,
}

/// Where a roll-out stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfStage {
    /// The policy.
    pub policy: String,
    /// The trigger that is the roll-out.
    pub trigger: String,
    /// As in the API.
    pub stage: &'static str,
}

/// No label: for what is absent while it is not known.
pub type Alone = [(&'static str, &'static str); 0];
