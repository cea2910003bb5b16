//! The cluster and its passes.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use unstall_crds::health::CommandStatus;
use unstall_crds::ledger::{DisruptionLedger, DisruptionLedgerStatus};
use unstall_crds::names::LEDGER;
use unstall_decide::{Action, Plan, Snapshot, decide};

use super::patch::stored;
use super::script::{NodeFacts, Step, View};

/// When every scenario begins; half a second that the API does not keep.
const START: &str = "2026-03-02T12:00:00.5Z";

/// A cluster, as its API server would show it.
pub struct World {
    /// What the controller sees.
    pub snapshot: Snapshot,
    /// What is true of the nodes.
    pub facts: BTreeMap<String, NodeFacts>,
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
        ledger.status = Some(DisruptionLedgerStatus {
            epoch: 7,
            ..<_>::default()
        });
        let snapshot = Snapshot {
            now: START.parse().unwrap(),
            epoch: 7,
            ledger: Some(ledger),
            ..Snapshot::default()
        };
        Self {
            before: snapshot.clone(),
            snapshot,
            facts: BTreeMap::new(),
            answers: BTreeMap::new(),
            made: 0,
        }
    }

    /// Lets `step` happen, up to the controller's look.
    pub fn happen(&mut self, step: &Step) -> Result<(), String> {
        if let Some(after) = &step.after {
            let after = SignedDuration::try_from(after.get()).unwrap();
            self.snapshot.now += after;
        }
        self.change(step)?;
        self.report();
        Ok(())
    }

    /// Makes what the controller made long ago: a `NodeHealth` for every node,
    /// about which the probes have reported.
    pub fn settle(&mut self) {
        for action in decide(&self.snapshot).actions {
            if matches!(action, Action::CreateHealth(_)) {
                self.act(action).unwrap();
            }
        }
        self.report();
    }

    /// What the controller sees; `stale` parts as they were before its last
    /// pass.
    pub fn seen(&self, stale: &[View]) -> Snapshot {
        let mut seen = self.snapshot.clone();
        for view in stale {
            match view {
                View::Ledger => seen.ledger.clone_from(&self.before.ledger),
                View::Remediations => seen.remediations.clone_from(&self.before.remediations),
            }
        }
        seen
    }

    /// Carries out `plan`, which was made of the world as it is. Returns what
    /// ended the pass early, if something did.
    pub fn pass(&mut self, plan: Plan, cut_after: Option<&str>) -> Option<String> {
        self.before = self.snapshot.clone();
        for action in plan.actions {
            let kind = kind(&action);
            if let Err(why) = self.act(action) {
                return Some(format!("{kind} was refused: {why}"));
            }
            if cut_after == Some(kind) {
                return Some(format!("the pass was cut off after {kind}"));
            }
        }
        for policy in &mut self.snapshot.policies {
            policy.status = plan.policies.get(&policy.name_any()).map(stored);
        }
        None
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
        Action::TakeSlot(_) => "TakeSlot",
        Action::SendCommand { .. } => "SendCommand",
        Action::ClearCommand { .. } => "ClearCommand",
        Action::SetStatus { .. } => "SetStatus",
        Action::ReleaseSlot { .. } => "ReleaseSlot",
    }
}
