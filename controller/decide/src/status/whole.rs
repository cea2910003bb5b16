//! All of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use unstall_crds::policy::{Mode, NodeHealthPolicyStatus, WindowStatus};
use unstall_crds::remediation::NodeRemediationStatus;

use super::{blocked, budget, conditions, fleet, forecast, summary};
use crate::no::No;
use crate::usage::Usage;
use crate::view::{PolicyView, View};
use crate::{blind, record, window};

/// The API's bound on a sentence of the status, in characters.
pub(super) const SENTENCE: usize = 256;

/// What this pass found out beside the snapshot.
pub struct Seen<'a> {
    /// The incidents that go on, with their statuses after this pass, by node; of
    /// several on one node the first.
    pub incidents: BTreeMap<&'a str, NodeRemediationStatus>,
    /// Nodes on which something calls for a remedy and no incident was opened: by
    /// policy, with what forbids it.
    pub waiting: BTreeMap<String, Vec<(&'a str, No)>>,
    /// Who uses the budgets.
    pub usage: Usage<'a>,
}

/// The status of `policy`.
#[must_use]
pub fn of<'a>(
    view: &'a View<'a>,
    policy: &'a PolicyView<'a>,
    seen: &Seen<'a>,
) -> NodeHealthPolicyStatus {
    let mut status = policy.policy.status.clone().unwrap_or_default();
    status.observed_generation = policy.policy.metadata.generation;
    status.blocked = blocked::of(view, policy, seen);
    status.nodes = Some(fleet::counts(view, policy, seen, &status.blocked));
    status.budget = Some(budget::of(view, policy, seen));
    status.window = window_of(view, policy);
    status.breaker = Some(fleet::breaker(view, policy));
    status.rollouts = policy
        .rollouts
        .iter()
        .map(|rollout| rollout.progress.clone())
        .collect();
    let foreseen = match policy.policy.spec.mode {
        Mode::Observe => forecast::of(view, policy, &seen.usage),
        Mode::Enforce => Vec::new(),
    };
    let text = summary::of(policy, seen, &status, &foreseen);
    status.summary = Some(record::cut(&text, SENTENCE));
    let listed = foreseen.into_iter().take(forecast::LISTED);
    status.forecast = listed.map(|it| it.forecast).collect();
    status.unavailable_signals = blind::unavailable(view, policy);
    conditions::set(view, policy, &mut status);
    status
}

/// Whether disruptions may begin now, by the clock alone; absent where no window
/// binds.
fn window_of(view: &View<'_>, policy: &PolicyView<'_>) -> Option<WindowStatus> {
    let windows = &policy.policy.spec.disruption.windows;
    if windows.allow.is_empty() && windows.exclude.is_empty() {
        return None;
    }
    let seen = window::at(windows, view.snapshot.now).ok()?;
    let time = |at: Option<Timestamp>| at.map(Time);
    Some(WindowStatus {
        open: seen.open,
        closes: time(seen.closes),
        next_opening: time(seen.next_opening),
        excluded: seen.excluded.map(|text| record::cut(&text, 128)),
    })
}
