//! What a pod is to a drain: kubectl's filters in kubectl's order, and the
//! policy's rules.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use unstall_crds::policy::{Drain, DrainAction};

use super::cause::Cause;
use super::rule::{self, Order};
use crate::Pod;
use crate::judge::add;
use crate::judge::signed;

/// A pod that is still there so long after it should have been gone does not
/// terminate: the kubelet kills in time, and cleans up within seconds.
pub const LATE: SignedDuration = SignedDuration::from_secs(60);

/// What a pod is to the drain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stance {
    /// It belongs to the node: of a DaemonSet, or static.
    Stays,
    /// It is left on the node.
    Skipped,
    /// It is terminating, and in time.
    Leaving { until: Timestamp },
    /// It is terminating for too long, and waited for.
    Late(Cause),
    /// It is terminating for too long, and not waited for.
    GivenUp(Cause),
    /// It has to leave, and something that time or a human must end holds it.
    Held(Cause),
    /// It makes a rule give the drain up.
    Aborts(String),
    /// It has to leave, by deletion if `delete`.
    Leaves { delete: bool },
}

/// The clock of a drain.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    pub started: Timestamp,
    pub now: Timestamp,
}

impl Clock {
    /// How long the drain has lasted; no time where clocks contradict.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        let elapsed = self.now.duration_since(self.started);
        Duration::try_from(elapsed).unwrap_or_default()
    }
}

/// What `pod` is to the drain now.
#[must_use]
pub fn stance(drain: &Drain, pod: &Pod, clock: Clock) -> Stance {
    if stays(pod) {
        return Stance::Stays;
    }
    let order = rule::order(drain, pod, clock.elapsed());
    if let Some(until) = pod.deleting {
        return deleting(drain, pod, until, clock.now, order);
    }
    present(drain, pod, order)
}

/// What a pod that is not terminating is to a drain.
#[must_use]
pub fn present(drain: &Drain, pod: &Pod, order: Order) -> Stance {
    if pod.uid.is_empty() {
        return Stance::Held(Cause::no_uid());
    }
    if pod.is_finished() {
        return finished(order.action);
    }
    let name = order.rule.map_or("", |rule| rule.name.as_str());
    match order.action {
        DrainAction::Wait => return Stance::Held(Cause::waiting(name)),
        DrainAction::Abort => return Stance::Aborts(abort(name, pod)),
        DrainAction::Skip | DrainAction::Evict | DrainAction::Delete => {}
    }
    if let Some(cause) = asks_not_to_be(pod, order) {
        return Stance::Held(cause);
    }
    if order.action == DrainAction::Skip || comes_back(pod) {
        return Stance::Skipped;
    }
    if let Some(cause) = has_local_data(drain, pod).or_else(|| is_unmanaged(drain, pod)) {
        return Stance::Held(cause);
    }
    Stance::Leaves {
        delete: order.action == DrainAction::Delete,
    }
}

/// Whether it belongs to the node. Whether its DaemonSet still exists is not
/// looked up: a pod that is left over stays, too.
#[must_use]
pub fn stays(pod: &Pod) -> bool {
    is_of_daemon_set(pod) || pod.mirror
}

fn is_of_daemon_set(pod: &Pod) -> bool {
    let owner = pod.owner.as_ref();
    owner.is_some_and(|owner| owner.kind == "DaemonSet")
}

/// A pod that has ended has nothing to lose: no filter holds it, nor what a
/// rule wants to be waited for.
fn finished(action: DrainAction) -> Stance {
    match action {
        DrainAction::Skip => Stance::Skipped,
        DrainAction::Delete => Stance::Leaves { delete: true },
        DrainAction::Wait | DrainAction::Evict | DrainAction::Abort => {
            Stance::Leaves { delete: false }
        }
    }
}

fn deleting(drain: &Drain, pod: &Pod, until: Timestamp, now: Timestamp, order: Order) -> Stance {
    if now < add(until, LATE) {
        return Stance::Leaving { until };
    }
    let cause = Cause::not_terminating(pod, until);
    if gives_up_at(drain, until).is_some_and(|at| now >= at) {
        return Stance::GivenUp(cause);
    }
    match (order.action, order.rule) {
        (DrainAction::Abort, Some(rule)) => Stance::Aborts(abort(&rule.name, pod)),
        (DrainAction::Skip, _) => Stance::Skipped,
        _ => Stance::Late(cause),
    }
}

/// When a terminating pod is not waited for any more.
#[must_use]
pub fn gives_up_at(drain: &Drain, until: Timestamp) -> Option<Timestamp> {
    let limit = drain.skip_wait_for_delete_timeout.as_ref()?;
    Some(add(until, signed(limit.get()).max(LATE)))
}

fn asks_not_to_be(pod: &Pod, order: Order) -> Option<Cause> {
    let annotation = pod.do_not_disrupt.as_ref()?;
    let is_agreed = order.rule.is_some_and(rule::is_specific);
    (!is_agreed).then(|| Cause::do_not_disrupt(annotation))
}

/// What tolerates a cordon would be back at once, and so on for ever.
const fn comes_back(pod: &Pod) -> bool {
    pod.tolerates_unschedulable
}

fn has_local_data(drain: &Drain, pod: &Pod) -> Option<Cause> {
    (pod.empty_dir && !drain.delete_empty_dir_data).then(Cause::empty_dir)
}

fn is_unmanaged(drain: &Drain, pod: &Pod) -> Option<Cause> {
    (pod.owner.is_none() && !drain.force).then(Cause::unmanaged)
}

fn abort(rule: &str, pod: &Pod) -> String {
    format!(
        "rule {rule} gives the drain up: pod {} is still there",
        pod.path()
    )
}
