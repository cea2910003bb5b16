//! One step of one incident, and what all phases share.

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use unstall_crds::health::{CommandStatus, NodeHealth};
use unstall_crds::ledger::Slot;
use unstall_crds::policy::{DropCaches, Remedy, Trigger};
use unstall_crds::remediation::{
    NodeRemediation, NodeRemediationStatus, Outcome, Phase, RungResult,
};

use crate::budget::InPlace;
use crate::{Action, Node, Snapshot, record};

/// One incident, and what this step does to it.
pub struct Step<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) remediation: &'a NodeRemediation,
    pub(super) node: &'a Node,
    pub(super) in_use: &'a InPlace,
    pub(super) name: String,
    pub(super) status: NodeRemediationStatus,
    pub(super) actions: Vec<Action>,
}

/// Advances `remediation` by one step.
#[must_use]
pub fn advance(
    snapshot: &Snapshot,
    remediation: &NodeRemediation,
    in_use: &InPlace,
) -> Vec<Action> {
    let before = remediation.status.clone().unwrap_or_default();
    let mut status = before.clone();
    status.observed_generation = remediation.metadata.generation;
    let name = remediation.name_any();
    let (status, mut actions) = match snapshot.nodes.get(&remediation.spec.node_name) {
        Some(node)
            if remediation
                .spec
                .node_uid
                .as_ref()
                .is_none_or(|uid| *uid == node.uid) =>
        {
            let actions = Vec::new();
            let mut step = Step {
                snapshot,
                remediation,
                node,
                in_use,
                name: name.clone(),
                status,
                actions,
            };
            step.run();
            (step.status, step.actions)
        }
        _ => {
            let text = "the node is gone, or was made again under the same name";
            record::end(&mut status, Outcome::Superseded, snapshot.now, text);
            (status, Vec::new())
        }
    };
    if status != before {
        // Before a command, so that what is ordered is on record first; after
        // a slot, so that a phase never stands without one.
        let at = actions
            .iter()
            .position(|a| matches!(a, Action::SendCommand { .. }));
        let write = Action::SetStatus {
            remediation: name,
            status: Box::new(status),
            seen: remediation.resource_version(),
        };
        actions.insert(at.unwrap_or(actions.len()), write);
    }
    actions
}

impl Step<'_> {
    fn run(&mut self) {
        let now = self.snapshot.now;
        let Some((policy, trigger)) = self.cause() else {
            let text = "incidents made by hand are not carried out by this version";
            record::end(&mut self.status, Outcome::Aborted, now, text);
            return;
        };
        match self.status.phase {
            Phase::Pending => self.pending(&policy, &trigger),
            Phase::DroppingCaches => self.dropping(),
            Phase::Verifying => self.verifying(&policy, &trigger),
            other => {
                let text = format!("phase {other} is not known to this version");
                record::end(&mut self.status, Outcome::Failed, now, &text);
            }
        }
    }

    fn cause(&self) -> Option<(String, Trigger)> {
        let spec = &self.remediation.spec;
        Some((
            spec.policy_name.clone()?,
            spec.policy.as_ref()?.trigger.clone()?,
        ))
    }

    pub(super) fn health(&self) -> Option<&NodeHealth> {
        self.snapshot.health(self.node)
    }

    /// The slot that the incident holds.
    pub(super) fn slot(&self) -> Option<&Slot> {
        let ledger = self.snapshot.ledger.as_ref()?.status.as_ref()?;
        let mut slots = ledger.slots.iter();
        slots.find(|s| s.node == self.node.name && s.remediation == self.name)
    }

    /// Whether the ledger that is seen remembers that the rung at work took its
    /// slot. The watches of ledger and incidents are not in step: one that does
    /// not may be older than the slot.
    pub(super) fn is_in_history(&self) -> bool {
        let Some(rung) = record::current_rung(&self.status) else {
            return false;
        };
        let ledger = self
            .snapshot
            .ledger
            .iter()
            .filter_map(|l| l.status.as_ref());
        ledger
            .flat_map(|s| &s.history)
            .any(|entry| entry.node == self.node.name && entry.at == rung.started_at)
    }

    /// The remedy at work and the id of its command.
    pub(super) fn at_work(&self) -> Option<(Remedy, String)> {
        let rung = record::current_rung(&self.status)?;
        let ladder = &self.remediation.spec.policy.as_ref()?.remedies;
        let remedy = ladder.iter().find(|remedy| remedy.name == rung.remedy)?;
        Some((remedy.clone(), rung.command_id.clone()?))
    }

    pub(super) fn answer(&self, id: &str) -> Option<CommandStatus> {
        let command = self.health()?.status.as_ref()?.command.as_ref()?;
        (command.id == id).then(|| command.clone())
    }

    /// The rung did not help: the next one, or the end.
    pub(super) fn next_rung(&mut self, result: RungResult, text: &str) {
        let now = self.snapshot.now;
        record::end_rung(&mut self.status, result, now, text);
        let ladder = self
            .remediation
            .spec
            .policy
            .as_ref()
            .map_or(0, |policy| policy.remedies.len());
        if self.status.rungs.len() < ladder {
            let text = format!("{text}; the next remedy waits for its turn");
            record::enter(&mut self.status, Phase::Pending, now, None, &text);
        } else {
            self.not_fixed(text);
        }
    }

    pub(super) fn not_fixed(&mut self, text: &str) {
        let now = self.snapshot.now;
        record::end(&mut self.status, Outcome::NotFixed, now, text);
    }

    pub(super) fn evidence(&self, trigger: &Trigger) -> Vec<String> {
        let status = self.health().and_then(|health| health.status.as_ref());
        let summary = status.and_then(|status| status.summary.clone());
        let details = status
            .map(|status| status.evidence.as_slice())
            .unwrap_or_default();
        let details = details.iter().map(|evidence| evidence.message.clone());
        let fired = format!("trigger {} fires", trigger.name);
        std::iter::once(fired)
            .chain(summary)
            .chain(details)
            .filter(|text| !text.is_empty())
            .take(16)
            .collect()
    }
}

/// The block of a remedy that drops caches.
pub fn drop_caches(remedy: &Remedy) -> DropCaches {
    remedy.drop_caches.clone().unwrap_or_default()
}

/// `time` and `duration` later, or the end of time.
pub fn add(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.saturating_add(duration).unwrap_or(Timestamp::MAX)
}
