//! What is known of a node, and how well.

use jiff::{SignedDuration, Timestamp};
use unstall_crds::health::{NodeHealth, SignalStatus, TriggerState, TriggerStatus};
use unstall_crds::policy::Trigger;
use unstall_crds::signal::SignalName;
use unstall_crds::units::Quantity;

use crate::{Node, Snapshot};

/// A probe that missed this many reports is silent: two may be lost to an API
/// server that restarts, three are not chance.
const MISSED_REPORTS: i32 = 3;

/// Whether a node's probe can be relied on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hearing {
    /// It reported in time.
    Heard,
    /// It missed its reports.
    Silent {
        /// When it was heard last, by this controller's clock.
        since: Timestamp,
    },
    /// It never reported.
    NoProbe,
}

/// Whether the probe of `node` is heard. By this controller's own clock: a
/// node's may be wrong.
#[must_use]
pub fn hearing(snapshot: &Snapshot, node: &Node) -> Hearing {
    let Some(health) = snapshot.health(node) else {
        return Hearing::NoProbe;
    };
    if health
        .status
        .as_ref()
        .and_then(|status| status.heartbeat.as_ref())
        .is_none()
    {
        return Hearing::NoProbe;
    }
    let Some(since) = snapshot.heard.get(&node.name) else {
        return Hearing::NoProbe;
    };
    let interval = signed(health.spec.report_interval.get());
    if snapshot.now.duration_since(*since) > interval * MISSED_REPORTS {
        return Hearing::Silent { since: *since };
    }
    Hearing::Heard
}

/// What the probe says of a trigger; `None` when it has not judged it as it is
/// now.
#[must_use]
pub fn trigger_status<'a>(
    health: &'a NodeHealth,
    policy: &str,
    trigger: &Trigger,
) -> Option<&'a TriggerStatus> {
    let hash = trigger.signal_hash();
    health.status.as_ref()?.triggers.iter().find(|status| {
        status.policy == policy && status.name == trigger.name && status.signal_hash == hash
    })
}

/// Whether a trigger fires on `node`. Whatever is not known does not fire.
#[must_use]
pub fn state(snapshot: &Snapshot, node: &Node, policy: &str, trigger: &Trigger) -> TriggerState {
    if hearing(snapshot, node) != Hearing::Heard {
        return TriggerState::Unknown;
    }
    snapshot
        .health(node)
        .and_then(|health| trigger_status(health, policy, trigger))
        .map_or(TriggerState::Unknown, |status| status.state)
}

/// What the probe says of a signal.
#[must_use]
pub fn signal(health: &NodeHealth, name: SignalName) -> Option<&SignalStatus> {
    health
        .status
        .as_ref()?
        .signals
        .iter()
        .find(|signal| signal.name == name)
}

/// The number of zombie memory cgroups, if it is known and was counted after
/// `after`.
#[must_use]
pub fn zombies(health: &NodeHealth, after: Option<Timestamp>) -> Option<u64> {
    let status = signal(health, SignalName::ZombieMemcgs)?;
    let counted = status.sampled_at.as_ref()?.0;
    let Quantity::Count(count) = status.last?.0 else {
        return None;
    };
    after.is_none_or(|after| counted > after).then_some(count)
}

/// A duration of the API as jiff subtracts them.
#[must_use]
pub fn signed(duration: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// `time` as the API keeps it.
#[must_use]
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
