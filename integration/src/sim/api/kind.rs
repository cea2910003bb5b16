//! The kinds of objects that there are.

/// A kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Node,
    Pod,
    Budget,
    Attachment,
    Lease,
    Event,
    Policy,
    Health,
    Remediation,
    Ledger,
    /// Of another remediator,
    HandedOver,
    /// and what it is made from.
    Template,
}

/// How a kind is called in the API.
pub struct Form {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    /// Whether its status is written apart from the rest.
    pub has_status: bool,
}

const OURS: &str = "unstall.dev/v1alpha1";
/// Another remediator's.
pub const THEIRS: &str = "self-node-remediation.medik8s.io/v1alpha1";

impl Kind {
    pub const ALL: [Self; 12] = [
        Self::Node,
        Self::Pod,
        Self::Budget,
        Self::Attachment,
        Self::Lease,
        Self::Event,
        Self::Policy,
        Self::Health,
        Self::Remediation,
        Self::Ledger,
        Self::HandedOver,
        Self::Template,
    ];

    pub const fn form(self) -> Form {
        let (api_version, kind, plural, has_status) = match self {
            Self::Node => ("v1", "Node", "nodes", true),
            Self::Pod => ("v1", "Pod", "pods", true),
            Self::Budget => (
                "policy/v1",
                "PodDisruptionBudget",
                "poddisruptionbudgets",
                true,
            ),
            Self::Attachment => (
                "storage.k8s.io/v1",
                "VolumeAttachment",
                "volumeattachments",
                true,
            ),
            Self::Lease => ("coordination.k8s.io/v1", "Lease", "leases", false),
            Self::Event => ("events.k8s.io/v1", "Event", "events", false),
            Self::Policy => (OURS, "NodeHealthPolicy", "nodehealthpolicies", true),
            Self::Health => (OURS, "NodeHealth", "nodehealths", true),
            Self::Remediation => (OURS, "NodeRemediation", "noderemediations", true),
            Self::Ledger => (OURS, "DisruptionLedger", "disruptionledgers", true),
            Self::HandedOver => (THEIRS, "SelfNodeRemediation", "selfnoderemediations", true),
            Self::Template => (
                THEIRS,
                "SelfNodeRemediationTemplate",
                "selfnoderemediationtemplates",
                true,
            ),
        };
        Form {
            api_version,
            kind,
            plural,
            has_status,
        }
    }

    /// The kind of this plural in this group and version.
    pub fn of(api_version: &str, plural: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| {
            let form = kind.form();
            form.api_version == api_version && form.plural == plural
        })
    }
}
