//! What is to be done.

use std::collections::BTreeMap;

use kube::ResourceExt;
use unstall_crds::command::CommandPayload;
use unstall_crds::health::{HealthTrigger, NodeHealth};
use unstall_crds::ledger::{HistoryEntry, Slot};
use unstall_crds::policy::NodeHealthPolicyStatus;
use unstall_crds::remediation::{NodeRemediation, NodeRemediationStatus};
use unstall_crds::units::GoDuration;

/// Everything that is to be done about one snapshot, in this order. After an
/// action that failed, those about the same node are left to the next pass,
/// which sees what became of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// The writes.
    pub actions: Vec<Action>,
    /// The status of every policy.
    pub policies: BTreeMap<String, NodeHealthPolicyStatus>,
}

/// One write. Each names what it is based on, by its resourceVersion or by
/// what it must hold; it is refused when the live object is something else.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Create a node's `NodeHealth`, owned by the node.
    CreateHealth(Box<NodeHealth>),
    /// Delete the `NodeHealth` of an earlier node of the same name.
    DeleteHealth {
        /// Its name.
        node: String,
        /// The UID of the earlier node, which its spec holds.
        node_uid: String,
    },
    /// Tell a probe what to judge, and how often to report.
    SetTriggers {
        /// The node.
        node: String,
        /// The triggers.
        triggers: Vec<HealthTrigger>,
        /// The report interval.
        report_interval: GoDuration,
        /// The resourceVersion of the `NodeHealth` that was seen.
        seen: Option<String>,
    },
    /// Open an incident.
    OpenIncident(Box<NodeRemediation>),
    /// Take a slot by compare-and-swap, in one step with the record of what it
    /// is for.
    TakeSlot(SlotRequest),
    /// Hand a node's actuator a command, signed. Only while the live ledger
    /// still holds the incident's slot.
    SendCommand {
        /// The node.
        node: String,
        /// The incident, which must hold the node's slot.
        remediation: String,
        /// What is ordered.
        payload: CommandPayload,
    },
    /// Take a command back.
    ClearCommand {
        /// The node.
        node: String,
        /// The resourceVersion of the `NodeHealth` that was seen.
        seen: Option<String>,
    },
    /// Write how an incident goes.
    SetStatus {
        /// The incident.
        remediation: String,
        /// Its status, whole.
        status: Box<NodeRemediationStatus>,
        /// The resourceVersion of the incident that was seen.
        seen: Option<String>,
    },
    /// Give a slot back, if the incident still holds it.
    ReleaseSlot {
        /// The node.
        node: String,
        /// The incident.
        remediation: String,
    },
}

impl Action {
    /// The node that this is about; for an incident that is not among
    /// `remediations`, the incident.
    #[must_use]
    pub fn about(&self, remediations: &[NodeRemediation]) -> String {
        match self {
            Self::CreateHealth(health) => health.name_any(),
            Self::OpenIncident(incident) => incident.spec.node_name.clone(),
            Self::TakeSlot(request) => request.slot.node.clone(),
            Self::SetStatus { remediation, .. } => remediations
                .iter()
                .find(|one| one.name_any() == *remediation)
                .map_or_else(|| remediation.clone(), |one| one.spec.node_name.clone()),
            Self::DeleteHealth { node, .. }
            | Self::SetTriggers { node, .. }
            | Self::SendCommand { node, .. }
            | Self::ClearCommand { node, .. }
            | Self::ReleaseSlot { node, .. } => node.clone(),
        }
    }
}

/// A slot and what is remembered of it beyond its release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotRequest {
    /// The slot.
    pub slot: Slot,
    /// What counts against caps and cool-downs from now on.
    pub history: HistoryEntry,
    /// The nodes whose slots were counted against every budget. A live ledger
    /// that holds a slot of any other node is not the one that was decided on.
    pub beside: Vec<String>,
}
