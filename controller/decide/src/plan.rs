//! What is to be done.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use serde::Serialize;
use unstall_crds::command::CommandPayload;
use unstall_crds::health::{HealthTrigger, NodeHealth};
use unstall_crds::ledger::{HistoryEntry, Slot};
use unstall_crds::policy::{NodeHealthPolicyStatus, RemedyKind, TemplateReference};
use unstall_crds::remediation::{NodeRemediationStatus, PolicySnapshot};
use unstall_crds::units::GoDuration;

use crate::event::Event;
use crate::marks::Marks;
use crate::node::NodeCondition;
use crate::pods::PodRef;
use crate::view::View;

/// Everything that is to be done about one snapshot, in this order. After an
/// action that failed, those about the same node are left to the next pass,
/// which sees what became of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The writes.
    pub actions: Vec<Action>,
    /// The status of every policy.
    pub policies: BTreeMap<String, NodeHealthPolicyStatus>,
    /// What people are told, once for each change.
    pub events: Vec<Event>,
    /// When to look again although nothing changed; `None`: at the usual time.
    pub look_again: Option<Timestamp>,
}

/// One write. Each names what it is based on, by its resourceVersion or by
/// what it must hold; it is refused when the live object is something else.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all_fields = "camelCase")]
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
        /// Whether a command that nobody needs any more goes with it.
        clear_command: bool,
        /// The resourceVersion of the `NodeHealth` that was seen.
        seen: Option<String>,
    },
    /// Open an incident.
    OpenIncident(Box<unstall_crds::remediation::NodeRemediation>),
    /// Write the policy into an incident that a human made.
    Adopt {
        /// The incident.
        remediation: String,
        /// The policy as it is now.
        policy: Box<PolicySnapshot>,
        /// The resourceVersion of the incident that was seen.
        seen: Option<String>,
    },
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
        /// How often the probe reports from then on.
        report_interval: GoDuration,
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
    ReleaseSlot(Release),
    /// Set or remove our marks on a Node: cordon, annotations, labels.
    MarkNode {
        /// The node.
        node: String,
        /// Its UID.
        node_uid: String,
        /// What changes.
        marks: Box<Marks>,
        /// The incident that must not exist any more, where the marks are removed
        /// because nobody stands behind them.
        absent: Option<String>,
        /// The resourceVersion of the Node that was seen.
        seen: Option<String>,
    },
    /// Set and remove conditions of a Node.
    SetConditions {
        /// The node.
        node: String,
        /// Those to set.
        set: Vec<NodeCondition>,
        /// The types of those to remove.
        remove: Vec<String>,
    },
    /// Evict a pod.
    Evict(PodOrder),
    /// Delete a pod, as a rule of the drain says.
    DeletePod(PodOrder),
    /// Make the object of another remediator.
    HandOver {
        /// The node, which gives the object its name.
        node: String,
        /// The incident.
        remediation: String,
        /// The template.
        template: TemplateReference,
    },
    /// Delete it.
    TakeBack {
        /// The node.
        node: String,
        /// The incident.
        remediation: String,
        /// The template.
        template: TemplateReference,
    },
    /// Remove what was carried out from the lists that humans write into the
    /// ledger.
    TidyLedger {
        /// Nodes that were released.
        released: Vec<String>,
        /// Incidents whose approval was used, or that ended.
        approved: Vec<String>,
        /// The resourceVersion of the ledger that was seen.
        seen: Option<String>,
    },
    /// Delete the record of an incident that ended long ago.
    Forget {
        /// The incident.
        remediation: String,
        /// Its UID.
        uid: String,
    },
}

/// A pod that has to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodOrder {
    /// The node, which must carry the incident's cordon.
    pub node: String,
    /// The incident, which must hold the node's slot.
    pub remediation: String,
    /// The pod.
    pub pod: PodRef,
    /// Its grace period in seconds, where it is not the pod's own. At least 1.
    pub grace: Option<i64>,
}

/// A slot and what is remembered of it beyond its release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SlotRequest {
    /// The slot. One that the same incident holds for the node is replaced.
    pub slot: Slot,
    /// What counts against caps and cool-downs from now on.
    pub history: HistoryEntry,
    /// The nodes whose slots were counted against every budget. A live ledger
    /// that holds a slot of any other node is not the one that was decided on.
    pub beside: Vec<String>,
    /// Since when the incident holds the slot that is replaced; none where it was seen
    /// to hold none. Another one was taken in a pass whose answer was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Time>,
}

/// A slot that is given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// The node.
    pub node: String,
    /// The incident.
    pub remediation: String,
    /// When its disruption ended, where it was one: from then on `pauseBetween`
    /// counts.
    pub disruption_ended: Option<Timestamp>,
    /// The time and the new word of an entry of the history that says more than
    /// was done: a reboot that was given up before it was ordered is none.
    pub correct: Option<(Timestamp, RemedyKind)>,
}

impl Action {
    /// The node that this is about; for an incident that is not in `view`, the
    /// incident.
    #[must_use]
    pub fn about(&self, view: &View<'_>) -> String {
        let of_incident = |name: &String| {
            let mut all = view.incidents();
            all.find(|one| one.name_any() == *name)
                .map_or_else(|| name.clone(), |one| one.spec.node_name.clone())
        };
        match self {
            Self::CreateHealth(health) => health.name_any(),
            Self::OpenIncident(incident) => incident.spec.node_name.clone(),
            Self::TakeSlot(request) => request.slot.node.clone(),
            Self::Adopt { remediation, .. }
            | Self::SetStatus { remediation, .. }
            | Self::Forget { remediation, .. } => of_incident(remediation),
            Self::ReleaseSlot(release) => release.node.clone(),
            Self::Evict(order) | Self::DeletePod(order) => order.node.clone(),
            Self::TidyLedger { .. } => "the ledger".to_owned(),
            Self::DeleteHealth { node, .. }
            | Self::SetTriggers { node, .. }
            | Self::SendCommand { node, .. }
            | Self::ClearCommand { node, .. }
            | Self::MarkNode { node, .. }
            | Self::SetConditions { node, .. }
            | Self::HandOver { node, .. }
            | Self::TakeBack { node, .. } => node.clone(),
        }
    }
}
