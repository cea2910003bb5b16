//! What is known of a node, and how well.

use jiff::{SignedDuration, Timestamp};
use unstall_crds::health::{NodeHealth, SignalStatus, TriggerState, TriggerStatus};
use unstall_crds::policy::{ConditionTrigger, KernelTrigger, Trigger};
use unstall_crds::signal::SignalName;
use unstall_crds::units::{KernelVersion, Quantity};

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

/// Whether a probe is heard that says `health` and was heard last at `since`, by
/// this controller's own clock: a node's may be wrong.
#[must_use]
pub fn hearing(now: Timestamp, health: Option<&NodeHealth>, since: Option<Timestamp>) -> Hearing {
    let beat = health.and_then(|health| health.status.as_ref()?.heartbeat.as_ref());
    let (Some(health), Some(_), Some(since)) = (health, beat, since) else {
        return Hearing::NoProbe;
    };
    let interval = signed(health.spec.report_interval.get());
    if now.duration_since(since) > interval * MISSED_REPORTS {
        return Hearing::Silent { since };
    }
    Hearing::Heard
}

/// What the probe says of a trigger; `None` when it has not judged it as it is
/// now.
#[must_use]
pub fn trigger_status<'a>(
    health: &'a NodeHealth,
    policy: &str,
    trigger: &str,
    hash: &str,
) -> Option<&'a TriggerStatus> {
    health.status.as_ref()?.triggers.iter().find(|status| {
        status.policy == policy && status.name == trigger && status.signal_hash == hash
    })
}

/// Whether a trigger fires on `node`, whose probe says `health` if it is heard.
/// Whatever is not known does not fire.
#[must_use]
pub fn state(
    now: Timestamp,
    node: &Node,
    health: Option<&NodeHealth>,
    policy: &str,
    trigger: &Trigger,
    hash: &str,
) -> TriggerState {
    if trigger.signal.is_some() {
        return health
            .and_then(|health| trigger_status(health, policy, &trigger.name, hash))
            .map_or(TriggerState::Unknown, |status| status.state);
    }
    if let Some(condition) = &trigger.condition {
        return gated(trigger, node, || lasting(now, node, condition));
    }
    if let Some(kernel) = &trigger.kernel {
        return outdated(node, health, kernel);
    }
    // The distribution's own sentinel, which the probe alone sees.
    let status = health.and_then(|health| health.status.as_ref());
    let kernel = status.and_then(|status| status.kernel.as_ref());
    match kernel.and_then(|kernel| kernel.reboot_required) {
        Some(true) => TriggerState::Firing,
        Some(false) => TriggerState::Clear,
        None => TriggerState::Unknown,
    }
}

/// The trigger's state, if it counts on the kernel that the node runs.
fn gated(trigger: &Trigger, node: &Node, state: impl FnOnce() -> TriggerState) -> TriggerState {
    match (&trigger.only_on_kernel, &node.kernel) {
        (Some(_), None) => TriggerState::Unknown,
        _ if left_out(trigger, node).is_some() => TriggerState::Clear,
        _ => state(),
    }
}

/// The kernel of `node`, if the trigger does not count on it.
#[must_use]
pub fn left_out<'a>(trigger: &Trigger, node: &'a Node) -> Option<&'a KernelVersion> {
    let gate = trigger.only_on_kernel.as_ref()?;
    node.kernel.as_ref().filter(|kernel| !gate.admits(kernel))
}

/// Whether the condition has had the status for long enough. One that nobody
/// reports, or that does not say since when, is not known.
fn lasting(now: Timestamp, node: &Node, trigger: &ConditionTrigger) -> TriggerState {
    let Some(condition) = node.condition(&trigger.type_) else {
        return TriggerState::Unknown;
    };
    if condition.status != trigger.status.as_str() {
        return match is_unknown(&condition.status) {
            true => TriggerState::Unknown,
            false => TriggerState::Clear,
        };
    }
    let Some(since) = condition.since else {
        return TriggerState::Unknown;
    };
    if now.duration_since(since) >= signed(trigger.r#for.get()) {
        TriggerState::Firing
    } else {
        TriggerState::Clear
    }
}

/// Whether whoever reports a condition says that it is not known.
#[must_use]
pub fn is_unknown(status: &str) -> bool {
    status == unstall_crds::condition::ConditionStatus::Unknown.as_str()
}

/// Whether the node runs an older kernel, by its kubelet and by its probe where
/// both say. Two that contradict each other are not known: one is late.
fn outdated(node: &Node, health: Option<&NodeHealth>, trigger: &KernelTrigger) -> TriggerState {
    let of_probe = health
        .and_then(|health| health.status.as_ref()?.kernel.as_ref())
        .map(|kernel| &kernel.running);
    let older = |kernel: &KernelVersion| *kernel < trigger.at_least;
    match (node.kernel.as_ref().map(older), of_probe.map(older)) {
        (Some(one), Some(other)) if one != other => TriggerState::Unknown,
        (Some(true), _) => TriggerState::Firing,
        (Some(false), _) => TriggerState::Clear,
        (None, _) => TriggerState::Unknown,
    }
}

/// What the probe says of a signal.
#[must_use]
pub fn signal(health: &NodeHealth, name: SignalName) -> Option<&SignalStatus> {
    let status = health.status.as_ref()?;
    status.signals.iter().find(|signal| signal.name == name)
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

/// The boot of `node`, if its kubelet and its probe do not contradict each
/// other.
#[must_use]
pub fn boot<'a>(snapshot: &'a Snapshot, node: &'a Node) -> Option<&'a str> {
    let of_kubelet = node.boot_id.as_deref().filter(|id| !id.is_empty());
    let health = snapshot.health(node).and_then(|it| it.status.as_ref());
    let of_probe = health.and_then(|status| status.boot_id.as_deref());
    let of_probe = of_probe.filter(|id| !id.is_empty());
    match (of_kubelet, of_probe) {
        (Some(one), Some(other)) if one != other => None,
        (Some(one), _) => Some(one),
        (None, other) => other,
    }
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

/// `time` and `duration` later, or the end of time.
#[must_use]
pub fn add(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.saturating_add(duration).unwrap_or(Timestamp::MAX)
}
