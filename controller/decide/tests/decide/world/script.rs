//! What a scenario file can say.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;
use unstall_crds::health::{CommandState, RefusalReason};
use unstall_crds::units::GoDuration;
use unstall_decide::{Alerts, HandedOver, Replica, Said, Unreadable};

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
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Step {
    /// What happens, in a sentence.
    pub say: String,
    /// When it happens, by the leader's clock: on the first step if not in half a second
    /// after noon of 2026-03-02, on others if another one's clock is another.
    pub at: Option<String>,
    /// How long after the step before.
    pub after: Option<GoDuration>,
    /// On the first step: the controller has not made any `NodeHealth` yet.
    pub fresh: bool,
    /// JSON merge patches of specs of policies; null deletes. `created` sets
    /// the time of creation, `status` patches the status.
    pub policies: BTreeMap<String, Value>,
    /// Merge patches of `NodeFacts`, and of `conditions`; null deletes the Node.
    /// `n[1-9]` is nine nodes, and is read before single ones.
    pub nodes: BTreeMap<String, Value>,
    /// By node: merge patches of `PodFacts`; null deletes the pod.
    pub pods: BTreeMap<String, BTreeMap<String, Value>>,
    /// Merge patches of `BudgetFacts`; null deletes.
    pub budgets: BTreeMap<String, Value>,
    /// By pod: what the API server answers to evictions and deletions from now
    /// on; null: what it would answer by itself.
    pub evictions: BTreeMap<String, Option<Forced>>,
    /// By node: the volumes that the cluster still attaches, from now on.
    pub attachments: BTreeMap<String, Vec<String>>,
    /// Pods without a node, with their controllers; null: it has one.
    pub unplaced: BTreeMap<String, Option<String>>,
    /// What Prometheus says from now on.
    pub alerts: Option<Alerts>,
    /// Where replicas of the controller run from now on.
    pub replicas: Option<Vec<Replica>>,
    /// Whether templates of other remediators are there from now on.
    pub templates: Option<bool>,
    /// By incident: whether the other remediator's object is there.
    pub others: BTreeMap<String, bool>,
    /// By incident or by key of a template: what is seen of it from now on,
    /// whatever is there.
    pub sights: BTreeMap<String, Option<HandedOver>>,
    /// Objects that the controller cannot read, from now on.
    pub unreadable: Option<Vec<Unreadable>>,
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
    /// The bounds of what is looked at and kept, from now on.
    pub limits: Option<LimitFacts>,
    /// This many entries of other nodes in the ledger's history, which run out
    /// an hour from now.
    pub others_in_history: usize,
    /// This many slots of nodes that are gone.
    pub others_with_slots: usize,
    /// What the controller sees as it was before its last pass.
    pub stale: Vec<View>,
    /// Why what the controller watches may be old, in this step.
    pub interrupted: Option<String>,
    /// What the controller could not read.
    pub unread: Vec<Unread>,
    /// What happens after the controller looked and before it acts.
    pub meanwhile: Option<Box<Step>>,
    /// The pass is cut off after the first action of this kind.
    pub cut_after: Option<String>,
    /// How many passes the controller makes.
    pub passes: Option<u8>,
    /// Nothing of this step is printed.
    pub quiet: bool,
}

/// Only what is said.
impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut step = f.debug_struct("Step");
        let maps = [
            ("policies", &self.policies),
            ("nodes", &self.nodes),
            ("budgets", &self.budgets),
            ("healths", &self.healths),
            ("remediations", &self.remediations),
        ];
        for (name, map) in maps {
            for (key, value) in map {
                step.field(&format!("{name} {key}"), &format_args!("{value}"));
            }
        }
        for (node, pods) in &self.pods {
            for (pod, value) in pods {
                step.field(&format!("pods {node} {pod}"), &format_args!("{value}"));
            }
        }
        if let Some(ledger) = &self.ledger {
            step.field("ledger", &format_args!("{ledger}"));
        }
        let rest = format!(
            "after {:?} fresh {} passes {:?} answers {:?} evictions {:?} attachments {:?} unplaced {:?} alerts {:?} \
             replicas {:?} templates {:?} sights {:?} unread {:?}",
            self.after,
            self.fresh,
            self.passes,
            self.answers,
            self.evictions,
            self.attachments,
            self.unplaced,
            self.alerts,
            self.replicas,
            self.templates,
            self.sights,
            self.unread
        );
        step.field("and", &format_args!("{rest}"));
        step.finish()
    }
}

/// What may be seen late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum View {
    /// The ledger.
    Ledger,
    /// The incidents.
    Remediations,
    /// The Nodes.
    Nodes,
}

/// What may be asked for in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unread {
    /// Pods of nodes.
    Pods,
    /// Pods without a node.
    Unplaced,
    /// PodDisruptionBudgets.
    Budgets,
    /// VolumeAttachments.
    Attachments,
    /// Objects of other remediators.
    Others,
    /// Replicas of the controller.
    Replicas,
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

/// What the API server is made to answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Forced {
    /// What it says.
    pub said: Said,
    /// In its own words.
    #[serde(default)]
    pub message: String,
    /// The budget that it names.
    #[serde(default)]
    pub budget: Option<String>,
}

/// Bounds that are not as usual.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct LimitFacts {
    /// Nodes whose pods are watched at once.
    pub pod_nodes: Option<usize>,
    /// Incidents of one policy that wait at once.
    pub waiting: Option<usize>,
    /// Evictions that are in flight on one node at once.
    pub evictions_per_node: Option<usize>,
    /// Records of ended incidents that are kept.
    pub records: Option<usize>,
    /// How long they are kept.
    pub record_age: Option<GoDuration>,
}

/// Tells null from absence.
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}
