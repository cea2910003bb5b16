//! What is true of nodes and pods, as scenario files write it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use unstall_crds::health::{TriggerState, Verdict};
use unstall_crds::signal::SignalName;
use unstall_crds::units::{GoDuration, KernelVersion, Reading};
use unstall_decide::PodPhase;

/// What is true of a node, and so what its kubelet and its probe say.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct NodeFacts {
    /// `uid-<name>` unless it is given. Another one is another machine, which
    /// begins without labels, annotations, taints, conditions and cordon.
    pub uid: Option<String>,
    /// Labels of the Node.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the Node.
    pub annotations: BTreeMap<String, String>,
    /// Keys of its taints.
    pub taints: BTreeSet<String>,
    /// Its condition Ready.
    pub ready: bool,
    /// Whether it is cordoned.
    pub unschedulable: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// What the probe does.
    pub probe: ProbeKind,
    /// Whether an actuator answers beside it.
    pub actuator: bool,
    /// Why none does.
    pub actuator_message: Option<String>,
    /// Why it would not reboot the node, where it would not.
    pub no_reboots: Option<String>,
    /// The boot ID.
    pub boot: Option<String>,
    /// The same as the kubelet reports it, where that is another one.
    pub boot_seen_by_kubelet: Option<String>,
    /// The state of every trigger,
    pub state: TriggerState,
    /// but for these, by their names.
    pub states: BTreeMap<String, TriggerState>,
    /// The statistic of every trigger.
    pub value: Reading,
    /// Whether the probe was started again, and tells what was before without it.
    pub restarted: bool,
    /// The same over samples since the command; absent until there are enough.
    pub since_command: Option<Reading>,
    /// Zombie memory cgroups; absent when they cannot be counted.
    pub zombies: Option<u64>,
    /// Medians of further signals.
    pub medians: BTreeMap<SignalName, Reading>,
    /// Signals that it cannot give, with the probe's reason.
    pub unreadable: BTreeMap<SignalName, String>,
    /// The running kernel.
    pub kernel: Option<KernelVersion>,
    /// The same as the kubelet reports it, where that is another one.
    pub kernel_seen_by_kubelet: Option<KernelVersion>,
    /// The kernel that the next boot would run.
    pub staged: Option<KernelVersion>,
    /// Whether the distribution asks for a reboot.
    pub reboot_required: Option<bool>,
    /// How long ago zombies were counted.
    pub counted_ago: GoDuration,
    /// What the node is like,
    pub verdict: Option<Verdict>,
    /// in a sentence.
    pub summary: Option<String>,
}

/// What a probe does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProbeKind {
    /// It reports at every step.
    Reports,
    /// It reported before.
    Silent,
    /// There is none.
    Never,
}

/// A condition of a Node that somebody sets: its status, which stands since now
/// unless it stood before, or more than that.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum ConditionFact {
    /// The status.
    Plain(String),
    /// The status, and
    More(DatedCondition),
}

/// A condition with what is not plain about it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct DatedCondition {
    /// The status.
    pub status: String,
    /// How long it has stood.
    pub ago: Option<GoDuration>,
    /// Whether it does not say since when.
    pub undated: bool,
    /// Why, in one word.
    pub reason: String,
}

/// What is true of a pod.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct PodFacts {
    /// Its namespace.
    pub namespace: String,
    /// `uid-<name>` unless it is given.
    pub uid: Option<String>,
    /// Its labels beside `app`, which is the name of its owner.
    pub labels: BTreeMap<String, String>,
    /// Its controller as kind/name; a ReplicaSet of the pod's name but for what
    /// follows the last hyphen, unless it is given; `none` is none.
    pub owner: Option<String>,
    /// Where it is in its life.
    pub phase: PodPhase,
    /// Its priority.
    pub priority: i32,
    /// Its condition Ready.
    pub ready: bool,
    /// Whether it is static.
    pub mirror: bool,
    /// Whether it has an emptyDir volume.
    pub empty_dir: bool,
    /// The claims that it uses.
    pub claims: Vec<String>,
    /// Whether it tolerates a cordon.
    pub tolerates_unschedulable: bool,
    /// The annotation by which it asks not to be disrupted.
    pub do_not_disrupt: Option<String>,
    /// Its finalizers.
    pub finalizers: Vec<String>,
    /// Its grace period.
    pub grace_seconds: i64,
    /// Whether it stays when it was told to go.
    pub stuck: bool,
}

/// A PodDisruptionBudget.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct BudgetFacts {
    /// Its namespace.
    pub namespace: String,
    /// The labels that it selects.
    pub labels: BTreeMap<String, String>,
    /// How many evictions it allows now. Each that is granted takes one away.
    pub allowed: i32,
    /// Whether it lets pods go that are not Ready.
    pub allows_unready: bool,
}

impl Default for NodeFacts {
    fn default() -> Self {
        let linux = ("kubernetes.io/os".to_owned(), "linux".to_owned());
        Self {
            uid: None,
            labels: BTreeMap::from([linux]),
            annotations: BTreeMap::new(),
            taints: BTreeSet::new(),
            ready: true,
            unschedulable: false,
            deleting: false,
            probe: ProbeKind::Reports,
            actuator: true,
            actuator_message: None,
            no_reboots: None,
            boot: None,
            boot_seen_by_kubelet: None,
            state: TriggerState::Clear,
            states: BTreeMap::new(),
            value: Reading("2ms".parse().unwrap()),
            restarted: false,
            since_command: None,
            zombies: None,
            medians: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            kernel: None,
            kernel_seen_by_kubelet: None,
            staged: None,
            reboot_required: None,
            counted_ago: GoDuration::from_secs(0),
            verdict: Some(Verdict::Healthy),
            summary: None,
        }
    }
}

impl Default for PodFacts {
    fn default() -> Self {
        Self {
            namespace: "default".to_owned(),
            uid: None,
            labels: BTreeMap::new(),
            owner: None,
            phase: PodPhase::Running,
            priority: 0,
            ready: true,
            mirror: false,
            empty_dir: false,
            claims: Vec::new(),
            tolerates_unschedulable: false,
            do_not_disrupt: None,
            finalizers: Vec::new(),
            grace_seconds: 30,
            stuck: false,
        }
    }
}

impl Default for BudgetFacts {
    fn default() -> Self {
        Self {
            namespace: "default".to_owned(),
            labels: BTreeMap::new(),
            allowed: 0,
            allows_unready: false,
        }
    }
}
