//! What a scenario file can say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use unstall_crds::health::{CommandState, RefusalReason, TriggerState};
use unstall_crds::signal::SignalName;
use unstall_crds::units::{GoDuration, KernelVersion, Reading};

/// A scenario: what happens, step by step.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, in a sentence.
    pub about: String,
    /// The steps; the first one makes the cluster.
    pub steps: Vec<Step>,
}

/// Something happens, then the controller looks and acts.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Step {
    /// What happens, in a sentence.
    pub say: String,
    /// How long after the step before.
    pub after: Option<GoDuration>,
    /// On the first step: the controller has not made any `NodeHealth` yet.
    pub fresh: bool,
    /// JSON merge patches of specs of policies; null deletes. `created` sets
    /// the time of creation.
    pub policies: BTreeMap<String, Value>,
    /// Merge patches of [`NodeFacts`]; null deletes the Node. `n[1-9]` is nine
    /// nodes, and is read before single ones.
    pub nodes: BTreeMap<String, Value>,
    /// What actuators say of the command that they have at hand.
    pub answers: BTreeMap<String, Answer>,
    /// Merge patches of whole `NodeHealth` objects; null deletes.
    pub healths: BTreeMap<String, Value>,
    /// Merge patches of whole `NodeRemediation` objects; null deletes.
    pub remediations: BTreeMap<String, Value>,
    /// A merge patch of the ledger; null deletes it.
    #[serde(deserialize_with = "present")]
    pub ledger: Option<Value>,
    /// Another controller leads, in this epoch.
    pub epoch: Option<i64>,
    /// This many entries of other nodes in the ledger's history, which run out
    /// an hour from now.
    pub others_in_history: usize,
    /// What the controller sees as it was before its last pass.
    pub stale: Vec<View>,
    /// The pass is cut off after the first action of this kind.
    pub cut_after: Option<String>,
    /// How many passes the controller makes.
    pub passes: Option<u8>,
    /// Nothing of this step is printed.
    pub quiet: bool,
}

/// What may be seen late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum View {
    /// The ledger.
    Ledger,
    /// The incidents.
    Remediations,
}

/// What an actuator says of its command.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Answer {
    /// What became of it.
    pub state: CommandState,
    /// Why it was refused.
    pub reason: Option<RefusalReason>,
    /// What happened.
    pub message: Option<String>,
}

/// What is true of a node, and so what its probe says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct NodeFacts {
    /// `uid-<name>` unless it is given.
    pub uid: Option<String>,
    /// Labels of the Node.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the Node.
    pub annotations: BTreeMap<String, String>,
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
    /// The boot ID.
    pub boot: Option<String>,
    /// The state of every trigger,
    pub state: TriggerState,
    /// but for these, by their names.
    pub states: BTreeMap<String, TriggerState>,
    /// The statistic of every trigger.
    pub value: Reading,
    /// The same over samples since the command; absent until there are enough.
    pub since_command: Option<Reading>,
    /// Zombie memory cgroups; absent when they cannot be counted.
    pub zombies: Option<u64>,
    /// Signals that it cannot give, with the probe's reason.
    pub unreadable: BTreeMap<SignalName, String>,
    /// The running kernel.
    pub kernel: Option<KernelVersion>,
    /// How long ago they were counted.
    pub counted_ago: GoDuration,
    /// The verdict in a sentence.
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

impl Default for NodeFacts {
    fn default() -> Self {
        let linux = ("kubernetes.io/os".to_owned(), "linux".to_owned());
        Self {
            uid: None,
            labels: BTreeMap::from([linux]),
            annotations: BTreeMap::new(),
            ready: true,
            unschedulable: false,
            deleting: false,
            probe: ProbeKind::Reports,
            actuator: true,
            actuator_message: None,
            boot: None,
            state: TriggerState::Clear,
            states: BTreeMap::new(),
            value: Reading("2ms".parse().unwrap()),
            since_command: None,
            zombies: None,
            unreadable: BTreeMap::new(),
            kernel: None,
            counted_ago: GoDuration::from_secs(0),
            summary: None,
        }
    }
}

/// Tells null from absence.
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}
