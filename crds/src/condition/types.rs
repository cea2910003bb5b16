//! (pure) Conditions, their types and their reasons.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::string_enum::string_enum;

/// The longest message, in characters. Longer ones are cut by [`set`].
const MAX_MESSAGE: usize = 1024;

/// One aspect of the object's state, as everywhere in Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What this condition is about.
    #[serde(rename = "type")]
    #[schemars(
        length(min = 1, max = 316),
        regex(
            pattern = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
        )
    )]
    pub type_: String,

    /// Whether it holds.
    pub status: ConditionStatus,

    /// The generation of the spec that this was said of. When it is older than
    /// metadata.generation, the condition does not know the latest change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,

    /// When the status last changed.
    pub last_transition_time: Time,

    /// Why, in one stable UpperCamel word for programs.
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = "^[A-Za-z]([A-Za-z0-9_]*[A-Za-z0-9])?$")
    )]
    pub reason: String,

    /// Why, in a sentence for people. At most 1024 characters.
    #[schemars(length(max = 1024))]
    pub message: String,
}

string_enum! {
    /// Whether a condition holds.
    pub enum ConditionStatus {
        /// It holds.
        True,
        /// It does not hold.
        False,
        /// It cannot be told.
        Unknown,
    }
}

string_enum! {
    /// The types of the conditions that Unstall sets on its own objects.
    pub enum ConditionType {
        /// The object is valid and was evaluated. Says nothing about the health of the fleet.
        Ready,
        /// A change of the spec is being taken in. Never True because of an incident.
        Reconciling,
        /// On a policy: every covered node gives the signals that the policy needs. On a node: it gives all that are asked of it.
        SignalsAvailable,
        /// On a policy: the breaker is open, so many nodes look sick that none is touched.
        BreakerOpen,
        /// On a policy: a roll-out stopped and waits for a human.
        RolloutHalted,
        /// On a remediation: it waits, and the reason says for what.
        Blocked,
        /// On a remediation: it ended, and the reason is its outcome.
        Completed,
        /// On the ledger: the history is full, and no new disruption may begin.
        HistoryFull,
    }
}

string_enum! {
    /// The reasons of the conditions `Ready`, `Reconciling`, `SignalsAvailable`, `BreakerOpen` and `RolloutHalted`.
    pub enum ConditionReason {
        /// Valid and evaluated.
        Evaluated,
        /// Valid and evaluated, but the selector covers no node.
        NoNodesSelected,
        /// A time zone is not in the controller's own time zone database.
        InvalidTimeZone,
        /// A kernel version or another value cannot be understood by this controller.
        InvalidSpec,
        /// Alerts are named in blockedBy, but the controller was given no Prometheus.
        PrometheusNotConfigured,
        /// The kind of a handOver template does not exist in the cluster.
        UnknownTemplateKind,
        /// The controller was given no right to what the policy names.
        Forbidden,
        /// The latest spec was taken in.
        UpToDate,
        /// Every needed signal is read.
        AllReadable,
        /// A needed signal cannot be read, on this node or on some covered ones.
        NotReadable,
        /// Some covered nodes have no probe that is heard of.
        NoProbe,
        /// Fewer nodes are unhealthy than the breaker tolerates.
        BelowLimit,
        /// More nodes are unhealthy than the breaker tolerates.
        TooManyUnhealthy,
        /// A human allowed action in spite of the storm.
        StormAllowed,
        /// The roll-out goes on.
        Proceeding,
        /// A node of the roll-out failed.
        NodeFailed,
        /// The probes of rolled-out nodes say worse than before.
        WorseSignals,
        /// The ledger holds no more running cool-downs.
        HistoryFull,
        /// There is room for further disruptions.
        HistoryHasRoom,
    }
}

/// Sets a condition and returns whether anything changed. The time of the last
/// transition moves only when the status does.
pub fn set(conditions: &mut Vec<Condition>, mut new: Condition) -> bool {
    if let Some((end, _)) = new.message.char_indices().nth(MAX_MESSAGE) {
        new.message.truncate(end);
    }
    let Some(old) = conditions.iter_mut().find(|c| c.type_ == new.type_) else {
        conditions.push(new);
        return true;
    };
    if old.status == new.status {
        new.last_transition_time = old.last_transition_time.clone();
    }
    let changed = *old != new;
    *old = new;
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(status: ConditionStatus, at: &str, message: &str) -> Condition {
        Condition {
            type_: ConditionType::Ready.to_string(),
            status,
            observed_generation: Some(1),
            last_transition_time: Time(at.parse().unwrap()),
            reason: ConditionReason::Evaluated.to_string(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn the_transition_time_moves_with_the_status_alone() {
        let mut all = Vec::new();
        let first = condition(ConditionStatus::True, "2026-01-01T00:00:00Z", "5 nodes");
        assert!(set(&mut all, first.clone()));
        assert!(!set(
            &mut all,
            condition(ConditionStatus::True, "2026-01-02T00:00:00Z", "5 nodes")
        ));
        assert_eq!(all, std::slice::from_ref(&first));
        assert!(set(
            &mut all,
            condition(ConditionStatus::True, "2026-01-03T00:00:00Z", "6 nodes")
        ));
        assert_eq!(all[0].last_transition_time, first.last_transition_time);
        assert!(set(
            &mut all,
            condition(ConditionStatus::False, "2026-01-04T00:00:00Z", "6 nodes")
        ));
        assert_eq!(
            all[0].last_transition_time,
            Time("2026-01-04T00:00:00Z".parse().unwrap())
        );
        assert_eq!(all.len(), 1);
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let mut all = Vec::new();
        set(
            &mut all,
            condition(
                ConditionStatus::True,
                "2026-01-01T00:00:00Z",
                &"ä".repeat(2000),
            ),
        );
        assert_eq!(all[0].message.chars().count(), MAX_MESSAGE);
    }
}
