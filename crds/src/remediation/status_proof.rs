//! What was tried, and what proves that it worked.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::RemedyKind;
use crate::schema::map_by_name;
use crate::signal::{SignalName, Statistic};
use crate::string_enum::string_enum;
use crate::units::{KernelVersion, Reading};

/// One rung of the ladder that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rung {
    /// The remedy's name.
    #[schemars(length(min = 1, max = 63))]
    pub remedy: String,
    /// What it does.
    pub action: RemedyKind,
    /// How it went; absent while it is at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<RungResult>,
    /// When it began.
    pub started_at: Time,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// The id of the command to the actuator.
    #[serde(default, rename = "commandID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub command_id: Option<String>,
    /// The epoch of the leader that ordered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub epoch: Option<i64>,
    /// Who approved it, where approval is Manual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub approved_by: Option<String>,
    /// The measurement that fired, before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Measurement>,
    /// The same measurement, after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Measurement>,
    /// The signals that rollout.haltOnWorse compares, before the reboot and
    /// after the soak, beside the rest of the fleet. At most 11.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 11), transform = map_by_name)]
    pub comparison: Vec<SignalComparison>,
    /// How it went, in a sentence. At most 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub message: Option<String>,
}

/// One signal of a node and of the covered nodes that the roll-out has not
/// touched yet: medians (P50), in the signal's unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignalComparison {
    /// The signal.
    pub name: SignalName,
    /// The node's before the reboot; absent when it was not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Reading>,
    /// The median of the untouched nodes at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest_before: Option<Reading>,
    /// The node's at the end of the soak, and as it was seen last while the
    /// canaries bake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Reading>,
    /// The median of the untouched nodes at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest_after: Option<Reading>,
}

string_enum! {
    /// How a rung went.
    pub enum RungResult {
        /// The measurement that fired is good again.
        Cured,
        /// It was carried out, and the measurement is still bad.
        NoEffect,
        /// It was carried out, the measurement was good, and became bad again while the node was watched.
        Recurred,
        /// It was given up before the node was touched for good; the node is as it was.
        Aborted,
        /// It could not be carried out.
        Failed,
        /// The actuator refused it.
        Refused,
        /// It was not used, because it was used too often or is not possible here.
        Skipped,
    }
}

/// What proves the outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Proof {
    /// The measurement that fired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Measurement>,
    /// The same measurement after the last remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Measurement>,
    /// The reboot, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot: Option<BootProof>,
    /// What remains, where something does, in a sentence. At most 512 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub remains: Option<String>,
}

/// One statistic of one signal, or the state of a condition, at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Measurement {
    /// The signal; absent for conditions and kernels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<SignalName>,
    /// The statistic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistic: Option<Statistic>,
    /// Of how many samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<u32>,
    /// Its value, the condition's status, or the kernel's version. At most 64
    /// characters.
    #[schemars(length(min = 1, max = 64))]
    pub value: String,
    /// Zombie memory cgroups at that time, where the signal depends on them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zombie_memcgs: Option<Reading>,
    /// When the last of the samples was taken.
    pub at: Time,
}

/// What proves a reboot: another boot ID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BootProof {
    /// The boot ID before.
    #[serde(rename = "bootIDBefore")]
    #[schemars(length(min = 1, max = 64))]
    pub boot_id_before: String,
    /// The boot ID after; absent while the node is not back.
    #[serde(
        default,
        rename = "bootIDAfter",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(min = 1, max = 64))]
    pub boot_id_after: Option<String>,
    /// The kernel before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_before: Option<KernelVersion>,
    /// The kernel after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_after: Option<KernelVersion>,
}

impl BootProof {
    /// Whether the node was rebooted.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.boot_id_after
            .as_ref()
            .is_some_and(|after| after != &self.boot_id_before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_boot_id_proves_a_reboot() {
        let mut proof = BootProof {
            boot_id_before: "a".to_owned(),
            boot_id_after: None,
            kernel_before: None,
            kernel_after: None,
        };
        assert!(!proof.is_proven());
        proof.boot_id_after = Some("a".to_owned());
        assert!(!proof.is_proven());
        proof.boot_id_after = Some("b".to_owned());
        assert!(proof.is_proven());
    }
}
