//! Remedies: what may be done to a node, from gentle to strong.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::command::DropLevel;
use crate::schema::{duration_between, rule};
use crate::string_enum::string_enum;
use crate::units::GoDuration;

/// One remedy that triggers can name. Exactly one of `dropCaches`, `reboot`,
/// `cordon` and `handOver` must be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rule(
    "[has(self.dropCaches), has(self.reboot), has(self.cordon), has(self.handOver)].filter(x, x).size() == 1",
    "remedies: write exactly one of dropCaches, reboot, cordon and handOver in each remedy",
))]
pub struct Remedy {
    /// The name by which triggers refer to the remedy: a lower-case DNS label,
    /// unique in the policy.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,

    /// Drops kernel caches on the node, which frees zombie memory cgroups. Takes
    /// no node away: neither cordon nor drain; counts against
    /// disruption.maxInPlace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop_caches: Option<DropCaches>,

    /// Cordons, drains and reboots the node, proves by its boot ID that it was
    /// rebooted, lets it soak and uncordons it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reboot: Option<Reboot>,

    /// Cordons the node and holds it for a human, as it is: for illnesses that
    /// need a look before anything is changed. Takes no settings: write
    /// `cordon: {}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cordon: Option<Cordon>,

    /// Hands the node over to another remediator that follows the external
    /// remediation contract of Cluster API and medik8s: an object is made from a
    /// template, and deleted when the trigger clears or the timeout is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hand_over: Option<HandOver>,

    /// How long to wait after the remedy before the trigger is measured again.
    /// 0s to 1h, default 1m.
    #[serde(default = "default_settle")]
    #[schemars(transform = duration_between("remedies.settle", "0s", "1h", "1m"))]
    pub settle: GoDuration,

    /// How often the remedy may be used on one node within 24 hours, across
    /// incidents and policies. 1 to 48, default 4. Reboots are bounded by
    /// disruption.maxRebootsPerNodePer24h as well.
    #[serde(default = "default_max_per_node", rename = "maxPerNodePer24h")]
    #[schemars(range(min = 1, max = 48))]
    pub max_per_node_per_24h: u8,

    /// What happens when the remedy was used that often. Default NextRung.
    #[serde(default)]
    pub when_exhausted: WhenExhausted,

    /// Whether a human must agree each time. Default Auto.
    #[serde(default)]
    pub approval: Approval,
}

/// Drops kernel caches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DropCaches {
    /// Which caches. Dirty pages are written back first, for a bounded time; a
    /// dropped cache has to be read from disk again. Default Auto.
    pub level: DropLevel,

    /// How long the node may take before the remedy counts as failed. 10s to
    /// 15m, default 3m. The node begins nothing after it and kills what is
    /// still at work, after 2 minutes in any case.
    #[schemars(transform = duration_between("dropCaches.timeout", "10s", "15m", "3m"))]
    pub timeout: GoDuration,
}

/// Reboots the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Reboot {
    /// From the order to reboot until the node is Ready with a new boot ID;
    /// after that the incident is Failed and keeps its place in the budget. 1m
    /// to 2h, default 15m. Bare metal may need more.
    #[schemars(transform = duration_between("reboot.timeout", "1m", "2h", "15m"))]
    pub timeout: GoDuration,
}

/// Holds the node for a human. Has no settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cordon {}

/// Hands the node over to another remediator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HandOver {
    /// The template from which the other remediator's object is made, with the
    /// node's name as its name. Unstall deletes that object when the trigger
    /// clears or the timeout is over, and never cordons or drains meanwhile: the
    /// other remediator does.
    pub template: TemplateReference,

    /// How long the other remediator may take. 1m to 24h, default 30m.
    #[serde(default = "default_hand_over_timeout")]
    #[schemars(transform = duration_between("handOver.timeout", "1m", "24h", "30m"))]
    pub timeout: GoDuration,
}

/// A remediation template, as in a NodeHealthCheck or MachineHealthCheck.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateReference {
    /// The template's group and version, such as
    /// self-node-remediation.medik8s.io/v1alpha1.
    #[schemars(length(max = 316), transform = rule(
        "self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/v[0-9]+((alpha|beta)[0-9]+)?$')",
        "handOver.template.apiVersion: write group/version, such as self-node-remediation.medik8s.io/v1alpha1",
    ))]
    pub api_version: String,

    /// The template's kind, which must end with Template, such as
    /// SelfNodeRemediationTemplate; the object made from it has the kind without
    /// that ending.
    #[schemars(length(max = 63), transform = rule(
        "self.matches('^[A-Z][A-Za-z0-9]*Template$')",
        "handOver.template.kind: write a kind that ends with Template, such as SelfNodeRemediationTemplate",
    ))]
    pub kind: String,

    /// The template's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// The template's namespace, where the object is made too. Leave it out when
    /// the kind is cluster-scoped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

string_enum! {
    /// What a remedy does, for records and metrics.
    pub enum RemedyKind {
        /// Drops kernel caches.
        DropCaches,
        /// Cordons, drains and reboots.
        Reboot,
        /// Cordons and holds for a human.
        Cordon,
        /// Hands over to another remediator.
        HandOver,
    }
}

string_enum! {
    /// What follows when a remedy may not be used again.
    pub enum WhenExhausted = NextRung {
        /// The next remedy of the ladder is tried; after the last one the incident stops and says so.
        NextRung,
        /// The incident stops and says so.
        Stop,
    }
}

string_enum! {
    /// Who decides that a remedy begins.
    pub enum Approval = Auto {
        /// The controller, within all limits of the policy.
        Auto,
        /// A human: the incident waits until its name stands in `spec.approve` of the DisruptionLedger.
        Manual,
    }
}

impl Remedy {
    /// What the remedy does. The schema makes sure that there is exactly one;
    /// an object without any is None.
    #[must_use]
    pub const fn kind(&self) -> Option<RemedyKind> {
        match (
            &self.drop_caches,
            &self.reboot,
            &self.cordon,
            &self.hand_over,
        ) {
            (Some(_), None, None, None) => Some(RemedyKind::DropCaches),
            (None, Some(_), None, None) => Some(RemedyKind::Reboot),
            (None, None, Some(_), None) => Some(RemedyKind::Cordon),
            (None, None, None, Some(_)) => Some(RemedyKind::HandOver),
            _ => None,
        }
    }
}

impl RemedyKind {
    /// Whether the remedy takes the node away, so that it needs a place in
    /// disruption.maxUnavailable. What hands over counts: the other remediator
    /// is expected to.
    #[must_use]
    pub const fn is_disruptive(self) -> bool {
        !matches!(self, Self::DropCaches)
    }
}

impl Default for DropCaches {
    fn default() -> Self {
        Self {
            level: DropLevel::default(),
            timeout: GoDuration::from_secs(180),
        }
    }
}

impl Default for Reboot {
    fn default() -> Self {
        Self {
            timeout: GoDuration::from_secs(900),
        }
    }
}

fn default_settle() -> GoDuration {
    GoDuration::from_secs(60)
}

fn default_max_per_node() -> u8 {
    4
}

fn default_hand_over_timeout() -> GoDuration {
    GoDuration::from_secs(1800)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kind(block: &str) -> Option<RemedyKind> {
        let remedy: Remedy = serde_json::from_value(json!({"name": "x", block: {}})).unwrap();
        remedy.kind()
    }

    #[test]
    fn a_remedy_is_what_its_only_block_says() {
        assert_eq!(kind("dropCaches"), Some(RemedyKind::DropCaches));
        assert_eq!(kind("reboot"), Some(RemedyKind::Reboot));
        assert_eq!(kind("cordon"), Some(RemedyKind::Cordon));
        assert_eq!(kind("unknown"), None);
        let both = json!({"name": "x", "reboot": {}, "cordon": {}});
        assert_eq!(serde_json::from_value::<Remedy>(both).unwrap().kind(), None);
    }

    #[test]
    fn only_dropping_caches_leaves_the_node_in_service() {
        let in_place: Vec<_> = RemedyKind::ALL
            .iter()
            .filter(|k| !k.is_disruptive())
            .collect();
        assert_eq!(in_place, [&RemedyKind::DropCaches]);
    }
}
