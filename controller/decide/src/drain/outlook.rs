//! What goes into a look at a drain, and what comes out.

use std::collections::BTreeMap;

use jiff::Timestamp;
use unstall_crds::condition::BlockedReason;
use unstall_crds::policy::Drain;
use unstall_crds::remediation::DrainProgress;

use crate::{EvictionAnswer, Pod, PodRef};

/// A node that is being drained, as it is seen.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// How the policy wants it.
    pub drain: &'a Drain,
    /// All pods that are bound to the node.
    pub pods: &'a [Pod],
    /// The latest answer about each pod, by the pod's UID.
    pub answers: &'a BTreeMap<String, EvictionAnswer>,
    /// When the drain began.
    pub started: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// How many pods may be on their way at once.
    pub parallel: usize,
    /// What was said last, also by an earlier controller.
    pub before: Option<&'a DrainProgress>,
}

/// One call. No grace period means the pod's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Do {
    /// Ask the API server to evict the pod, which its PodDisruptionBudget may
    /// forbid.
    Evict {
        /// The pod.
        pod: PodRef,
        /// The grace period in seconds, never 0.
        grace: Option<i64>,
    },
    /// Delete the pod, past its PodDisruptionBudget.
    Delete {
        /// The pod.
        pod: PodRef,
        /// The grace period in seconds, never 0.
        grace: Option<i64>,
    },
}

/// What is to be done now, and how the drain stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// The calls to make now, in this order.
    pub actions: Vec<Do>,
    /// How far it is.
    pub progress: DrainProgress,
    /// What holds it up, the most important first.
    pub blockers: Vec<Blocked>,
    /// Whether it goes on.
    pub state: State,
    /// When time alone changes something next.
    pub next_look: Option<Timestamp>,
}

/// What holds a drain up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// Why, in one word.
    pub reason: BlockedReason,
    /// Why, and where it can be told, what would end it.
    pub message: String,
    /// What it hangs on, as kind/namespace/name.
    pub object: String,
}

/// Whether a drain goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Pods are left that have to leave.
    GoingOn,
    /// No pod is left that has to leave.
    Done {
        /// How many pods stay all the same: skipped, or not waited for.
        left: usize,
        /// That in a sentence, for the record.
        sentence: String,
    },
    /// A rule gives the drain up: why.
    Abort(String),
}

impl Do {
    /// The pod.
    #[must_use]
    pub const fn pod(&self) -> &PodRef {
        match self {
            Self::Evict { pod, .. } | Self::Delete { pod, .. } => pod,
        }
    }

    /// The grace period.
    #[must_use]
    pub const fn grace(&self) -> Option<i64> {
        match self {
            Self::Evict { grace, .. } | Self::Delete { grace, .. } => *grace,
        }
    }
}
