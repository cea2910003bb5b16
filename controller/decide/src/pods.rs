//! What decisions need of pods, their budgets, and answers to evictions.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::{Deserialize, Serialize};

/// What decisions need of a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID: another one is another pod, and the first is gone.
    pub uid: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its controller.
    pub owner: Option<Owner>,
    /// Where it is in its life.
    pub phase: PodPhase,
    /// Its priority.
    pub priority: i32,
    /// Whether its condition Ready is True.
    pub ready: bool,
    /// Whether the kubelet made it from a file.
    pub mirror: bool,
    /// Whether it has an emptyDir volume.
    pub empty_dir: bool,
    /// Whether it tolerates the taint of a cordoned node, so that it would come
    /// straight back.
    pub tolerates_unschedulable: bool,
    /// The annotation by which it asks not to be disrupted.
    pub do_not_disrupt: Option<String>,
    /// Its finalizers.
    pub finalizers: Vec<String>,
    /// The persistent volume claims that it uses, in its namespace.
    pub claims: Vec<String>,
    /// Until when it may take to terminate, once it was told to: the API
    /// server's deletionTimestamp, grace period included.
    pub deleting: Option<Timestamp>,
    /// Its grace period, in seconds.
    pub grace_seconds: i64,
    /// While it has no node: whether it could go to a cordoned one, and to no other
    /// however much room there were.
    pub needs_cordoned: bool,
}

/// The controller of a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Owner {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

/// Where a pod is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PodPhase {
    /// It was accepted and does not run yet.
    #[default]
    Pending,
    /// It runs.
    Running,
    /// It ended well.
    Succeeded,
    /// It ended badly.
    Failed,
    /// Its node was not heard of.
    Unknown,
}

/// A `PodDisruptionBudget`, as it stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DisruptionBudget {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Which pods; none selects none, an empty one all of the namespace.
    pub selector: Option<LabelSelector>,
    /// How many evictions it allows now.
    pub allowed: i32,
    /// Whether it lets pods that are not Ready be evicted now, whatever it
    /// allows.
    pub allows_unready: bool,
}

/// A pod, as a request names it: never another one of the same name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

/// What became of the latest eviction of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EvictionAnswer {
    /// When it came.
    pub at: Timestamp,
    /// What was answered.
    pub said: Said,
    /// The server's own words.
    pub message: String,
    /// The `PodDisruptionBudget` that forbids it, where the server names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<String>,
    /// Since when the pod is asked for once more: until that is answered, this
    /// answer is why it is still there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_again: Option<Timestamp>,
}

/// What the API server answered to an eviction, or to a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    /// Nothing yet: the call is under way, since the answer's time.
    Asked,
    /// The pod is being deleted.
    Accepted,
    /// The pod is gone, or another one has its name.
    Gone,
    /// A `PodDisruptionBudget` allows no eviction now.
    Budget,
    /// A `PodDisruptionBudget` whose status is older than its spec.
    StaleBudget,
    /// More than one `PodDisruptionBudget` selects the pod.
    ManyBudgets,
    /// The API server asks to be called less often.
    Throttled,
    /// The pod's namespace is being deleted; its pods go with it.
    NamespaceTerminating,
    /// The API server or an admission webhook refuses it.
    Refused,
    /// No answer, or one that says nothing: whatever became of it must be looked
    /// at.
    Unknown,
}

impl Pod {
    /// How a request names it.
    #[must_use]
    pub fn to_ref(&self) -> PodRef {
        PodRef {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            uid: self.uid.clone(),
        }
    }

    /// Namespace and name, as people write them.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Whether it has ended by itself.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        matches!(self.phase, PodPhase::Succeeded | PodPhase::Failed)
    }
}
