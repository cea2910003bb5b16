//! Why pods stay, as sentences that hold for one pod and for many, and do not
//! change while nothing happens.

use std::collections::BTreeMap;

use jiff::Timestamp;
use unstall_crds::condition::BlockedReason;

use super::outlook::Blocked;
use super::text;
use crate::record::cut;
use crate::{DisruptionBudget, Pod};

/// What needs a human comes first, what passes by itself last.
const IMPORTANCE: [BlockedReason; 11] = [
    BlockedReason::PodsUnknown,
    BlockedReason::MultiplePodDisruptionBudgets,
    BlockedReason::DoNotDisrupt,
    BlockedReason::EmptyDirData,
    BlockedReason::UnmanagedPod,
    BlockedReason::BlockedByPod,
    BlockedReason::EvictionRefused,
    BlockedReason::PodDisruptionBudget,
    BlockedReason::PodNotTerminating,
    BlockedReason::ApiThrottled,
    BlockedReason::WaitingForPod,
];

/// The API's bounds on a blocker.
const MESSAGE: usize = 512;
const OBJECT: usize = 512;

/// Why a pod stays. Pods with the same head and object share a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    pub reason: BlockedReason,
    head: String,
    tail: String,
    object: Option<String>,
}

impl Cause {
    fn new(reason: BlockedReason, head: &str, tail: &str) -> Self {
        Self {
            reason,
            head: head.to_owned(),
            tail: tail.to_owned(),
            object: None,
        }
    }

    /// The sentence about these pods.
    #[must_use]
    pub fn sentence(&self, pods: &[String]) -> String {
        let Self { head, tail, .. } = self;
        format!("{head}{}{tail}", text::pods(pods))
    }

    pub fn no_uid() -> Self {
        let tail = ", so that a request could meet another one of the name";
        Self::new(BlockedReason::PodsUnknown, "no UID is known of ", tail)
    }

    pub fn empty_dir() -> Self {
        let tail =
            ": set drain.deleteEmptyDirData, or write a rule that waits for or skips such pods";
        let head = "emptyDir data would be lost with ";
        Self::new(BlockedReason::EmptyDirData, head, tail)
    }

    pub fn unmanaged() -> Self {
        let tail = ": set drain.force, or write a rule that waits for or skips such pods";
        let head = "no controller would replace ";
        Self::new(BlockedReason::UnmanagedPod, head, tail)
    }

    pub fn do_not_disrupt(annotation: &str) -> Self {
        let head = format!("annotation {} asks not to disrupt ", cut(annotation, 128));
        let tail = ": remove it, or write a rule that selects such pods";
        Self::new(BlockedReason::DoNotDisrupt, &head, tail)
    }

    pub fn waiting(rule: &str) -> Self {
        let head = format!("rule {rule} waits for the end of ");
        Self::new(BlockedReason::WaitingForPod, &head, "")
    }

    pub fn would_abort(rule: &str) -> Self {
        let head = format!("rule {rule} gives the drain up because of ");
        Self::new(BlockedReason::BlockedByPod, &head, "")
    }

    pub fn not_terminating(pod: &Pod, until: Timestamp) -> Self {
        let why = match pod.finalizers.as_slice() {
            [] => String::new(),
            some => format!(", finalizers {}", cut(&some.join(", "), 128)),
        };
        let head = format!("the time to terminate ended at {until:.0} for ");
        Self::new(BlockedReason::PodNotTerminating, &head, &why)
    }

    /// What the API server answered to an eviction.
    pub fn budget(namespace: &str, name: Option<&str>, said: &str) -> Self {
        let which = name.map_or_else(
            || format!("a PodDisruptionBudget of namespace {namespace}"),
            |name| format!("PodDisruptionBudget {namespace}/{name}"),
        );
        let head = format!("{which} allows no eviction now of ");
        Self {
            object: name.map(|name| format!("PodDisruptionBudget/{namespace}/{name}")),
            ..Self::new(BlockedReason::PodDisruptionBudget, &head, &colon(said))
        }
    }

    pub fn many_budgets(said: &str) -> Self {
        let head = "a human must leave one PodDisruptionBudget alone to select ";
        let reason = BlockedReason::MultiplePodDisruptionBudgets;
        Self::new(reason, head, &colon(said))
    }

    pub fn namespace_terminating() -> Self {
        let head = "the namespace is being deleted, and with it ";
        Self::new(BlockedReason::EvictionRefused, head, "")
    }

    pub fn refused(said: &str) -> Self {
        let head = "the API server refuses to evict ";
        Self::new(BlockedReason::EvictionRefused, head, &colon(said))
    }

    pub fn unanswered(said: &str) -> Self {
        let head = "no answer says what became of the eviction of ";
        Self::new(BlockedReason::EvictionRefused, head, &colon(said))
    }

    pub fn throttled(said: &str) -> Self {
        let head = "the API server asks to be called less often, which holds up ";
        Self::new(BlockedReason::ApiThrottled, head, &colon(said))
    }

    /// What the budget says before anything was asked.
    pub fn would_forbid(budget: &DisruptionBudget) -> Self {
        let DisruptionBudget {
            namespace, name, ..
        } = budget;
        let allowed = budget.allowed.max(0);
        let head =
            format!("PodDisruptionBudget {namespace}/{name} allows {allowed} evictions now (");
        Self {
            object: Some(format!("PodDisruptionBudget/{namespace}/{name}")),
            ..Self::new(BlockedReason::PodDisruptionBudget, &head, ")")
        }
    }

    /// That more than one budget selects a pod.
    pub fn would_be_many(names: &[String]) -> Self {
        let head = format!("PodDisruptionBudgets {} all select ", names.join(" and "));
        let tail = ", which the API server never evicts then";
        Self::new(BlockedReason::MultiplePodDisruptionBudgets, &head, tail)
    }
}

fn colon(said: &str) -> String {
    let said = said.trim();
    if said.is_empty() {
        return String::new();
    }
    format!(": {}", cut(said, 256))
}

/// Joins what holds single pods up: one blocker for each cause, the most
/// important first. The words of a cause are those of its first pod.
#[must_use]
pub fn blockers<'a>(causes: impl IntoIterator<Item = (&'a Pod, Cause)>) -> Vec<Blocked> {
    let mut groups: BTreeMap<_, BTreeMap<String, Cause>> = BTreeMap::new();
    for (pod, cause) in causes {
        let rank = IMPORTANCE.iter().position(|reason| *reason == cause.reason);
        // What the object says of itself may differ from one answer to the next.
        let tail = match cause.object {
            Some(_) => String::new(),
            None => cause.tail.clone(),
        };
        let key = (rank.unwrap_or(IMPORTANCE.len()), cause.head.clone(), tail);
        groups.entry(key).or_default().insert(pod.path(), cause);
    }
    let joined = groups.into_values().filter_map(|group| {
        let paths: Vec<String> = group.keys().cloned().collect();
        let (first, cause) = group.into_iter().next()?;
        let object = cause.object.clone().unwrap_or(format!("Pod/{first}"));
        Some(Blocked {
            reason: cause.reason,
            message: cut(&cause.sentence(&paths), MESSAGE),
            object: cut(&object, OBJECT),
        })
    });
    joined.collect()
}
