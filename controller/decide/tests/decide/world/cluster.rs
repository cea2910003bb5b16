//! The cluster and its passes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use unstall_crds::health::CommandStatus;
use unstall_crds::ledger::{DisruptionLedger, DisruptionLedgerStatus};
use unstall_crds::names::LEDGER;
use unstall_decide::{Action, DisruptionBudget, HandedOver, Plan, Pod, Snapshot, View, decide};

use super::facts::{NodeFacts, PodFacts};
use super::patch::stored;
use super::script::{Forced, Step};

/// When every scenario begins that does not say; half a second that the API does
/// not keep.
const START: &str = "2026-03-02T12:00:00.5Z";

/// A cluster, as its API server would show it.
pub struct World {
    /// What the controller always watches.
    pub snapshot: Snapshot,
    /// What is true of the nodes.
    pub facts: BTreeMap<String, NodeFacts>,
    /// The pods of each node, with what is true of them.
    pub pods: BTreeMap<String, Vec<(Pod, PodFacts)>>,
    /// Every PodDisruptionBudget, by name.
    pub budgets: BTreeMap<String, DisruptionBudget>,
    /// What is answered to evictions, by pod.
    pub forced: BTreeMap<String, Forced>,
    /// Volumes that are attached, by node.
    pub attachments: BTreeMap<String, Vec<String>>,
    /// Pods without a node.
    pub unplaced: BTreeMap<String, Pod>,
    /// Incidents for which another remediator's object is there.
    pub others: BTreeSet<String>,
    /// Whether templates of other remediators are there.
    pub templates: bool,
    /// What is seen of them, where that is something else.
    pub sights: BTreeMap<String, HandedOver>,
    /// What actuators answered last.
    pub answers: BTreeMap<String, CommandStatus>,
    /// The snapshot of the last pass.
    pub before: Snapshot,
    /// How many incidents were opened so far.
    pub made: u32,
}

impl World {
    /// A cluster with a ledger and nothing else.
    pub fn new() -> Self {
        let mut ledger = DisruptionLedger::new(LEDGER, <_>::default());
        ledger.metadata.resource_version = Some("1".to_owned());
        ledger.status = Some(DisruptionLedgerStatus {
            epoch: 7,
            ..<_>::default()
        });
        let snapshot = Snapshot {
            now: START.parse().unwrap(),
            epoch: 7,
            ledger: Some(ledger),
            replicas: Some(Vec::new()),
            ..Snapshot::default()
        };
        Self {
            before: snapshot.clone(),
            snapshot,
            facts: BTreeMap::new(),
            pods: BTreeMap::new(),
            budgets: BTreeMap::new(),
            forced: BTreeMap::new(),
            attachments: BTreeMap::new(),
            unplaced: BTreeMap::new(),
            others: BTreeSet::new(),
            templates: true,
            sights: BTreeMap::new(),
            answers: BTreeMap::new(),
            made: 0,
        }
    }

    /// Lets `step` happen, up to the controller's look.
    pub fn happen(&mut self, step: &Step) -> Result<(), String> {
        if let Some(at) = &step.at {
            self.snapshot.now = at.parse().map_err(|error| format!("at: {error}"))?;
        }
        if let Some(after) = &step.after {
            let after = SignedDuration::try_from(after.get()).unwrap();
            self.snapshot.now += after;
        }
        let leaving = self.terminating();
        self.change(step)?;
        self.remove_terminated(&leaving);
        self.report();
        Ok(())
    }

    /// Makes what the controller made long ago: a `NodeHealth` for every node,
    /// about which the probes have reported, and conditions on the Nodes.
    pub fn settle(&mut self) {
        for is_wanted in [
            (|it| matches!(it, Action::CreateHealth(_))) as fn(&Action) -> bool,
            |it| matches!(it, Action::SetConditions { .. }),
        ] {
            let mut actions = decide(&self.snapshot).actions;
            actions.retain(is_wanted);
            for action in actions {
                self.act(action).unwrap();
            }
            self.report();
        }
    }

    /// Carries out `plan`, which was made of `seen`. Returns what was refused,
    /// and what ended the pass early, if something did.
    pub fn pass(&mut self, seen: &Snapshot, plan: Plan, cut_after: Option<&str>) -> Vec<String> {
        self.before = self.snapshot.clone();
        let view = View::new(seen);
        let mut said = Vec::new();
        let mut failed = BTreeSet::new();
        for action in plan.actions {
            let kind = kind(&action);
            let about = action.about(&view);
            if failed.contains(&about) {
                continue;
            }
            if let Err(why) = self.act(action) {
                said.push(format!("{kind} was refused: {why}"));
                failed.insert(about);
            }
            if cut_after == Some(kind) {
                said.push(format!("the pass was cut off after {kind}"));
                return said;
            }
        }
        for policy in &mut self.snapshot.policies {
            policy.status = plan.policies.get(&policy.name_any()).map(stored);
        }
        said
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.snapshot.now
    }
}

/// The name of an action, as texts and scripts write it.
pub fn kind(action: &Action) -> &'static str {
    match action {
        Action::CreateHealth(_) => "CreateHealth",
        Action::DeleteHealth { .. } => "DeleteHealth",
        Action::SetTriggers { .. } => "SetTriggers",
        Action::OpenIncident(_) => "OpenIncident",
        Action::Adopt { .. } => "Adopt",
        Action::TakeSlot(_) => "TakeSlot",
        Action::SendCommand { .. } => "SendCommand",
        Action::ClearCommand { .. } => "ClearCommand",
        Action::SetStatus { .. } => "SetStatus",
        Action::ReleaseSlot(_) => "ReleaseSlot",
        Action::MarkNode { .. } => "MarkNode",
        Action::SetConditions { .. } => "SetConditions",
        Action::Evict(_) => "Evict",
        Action::DeletePod(_) => "DeletePod",
        Action::HandOver { .. } => "HandOver",
        Action::TakeBack { .. } => "TakeBack",
        Action::TidyLedger { .. } => "TidyLedger",
        Action::Forget { .. } => "Forget",
    }
}
