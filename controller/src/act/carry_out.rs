//! A plan is carried out: in its order for each node, several nodes side by side.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use futures::StreamExt;
use kube::ResourceExt;
use unstall_decide::{Action, Plan, View};

use super::actor::Actor;
use super::apply::apply;
use super::status::write_policies;
use crate::metrics::Metrics;
use crate::serve::Health;

/// How many nodes are written to at once. Enough to make the objects of a new
/// fleet in a minute, and no load for an API server.
const AT_ONCE: usize = 8;

/// What became of a plan.
#[derive(Debug, Default)]
pub struct Carried {
    /// What was left to the next pass: nodes, policies, or what else the actions were
    /// about.
    pub left: BTreeSet<String>,
    /// Incidents whose new status, or whose making, is on record all the same: what is
    /// told of them is true.
    pub recorded: BTreeSet<String>,
}

/// Carries out `plan`, which was made of `view`. What fails for one node leaves
/// the others their turn; for that node the rest is left to the next pass,
/// because its order matters.
///
/// # Errors
/// When this process does not lead any more, or no policy can be written.
pub async fn carry_out(
    actor: &Actor,
    view: &View<'_>,
    plan: &Plan,
    metrics: &Metrics,
    health: &Health,
) -> Result<Carried> {
    let (in_order, aside) = split(view, &plan.actions);
    let pass = Pass {
        actor,
        view,
        metrics,
        health,
    };
    let mut carried = Carried::default();
    // Slots are taken one after the other, each beside those before it.
    for group in in_order {
        carried.add(pass.all(group).await);
    }
    let mut rest = futures::stream::iter(aside)
        .map(|group| pass.all(group))
        .buffer_unordered(AT_ONCE);
    while let Some(done) = rest.next().await {
        carried.add(done);
    }
    drop(rest);
    actor.check()?;
    let left = write_policies(actor, health, view.snapshot, &plan.policies).await?;
    carried.left.extend(left);
    Ok(carried)
}

impl Carried {
    fn add(&mut self, group: Done) {
        if group.is_left {
            self.left.insert(group.about);
        }
        self.recorded.extend(group.recorded);
    }
}

/// What became of a group.
struct Done {
    about: String,
    is_left: bool,
    recorded: Vec<String>,
}

type Group = (String, Vec<Action>);

/// The actions by what they are about: first those of nodes whose slots change,
/// in the plan's order, then the others.
fn split(view: &View<'_>, actions: &[Action]) -> (Vec<Group>, Vec<Group>) {
    let mut order = Vec::new();
    let mut groups: BTreeMap<String, Vec<Action>> = BTreeMap::new();
    for action in actions {
        let about = action.about(view);
        if !groups.contains_key(&about) {
            order.push(about.clone());
        }
        groups.entry(about).or_default().push(action.clone());
    }
    let is_slot = |action: &Action| {
        matches!(
            action,
            Action::TakeSlot(_) | Action::ReleaseSlot(_) | Action::TidyLedger { .. }
        )
    };
    order
        .into_iter()
        .filter_map(|about| {
            let actions = groups.remove(&about)?;
            Some((about, actions))
        })
        .partition(|(_, actions)| actions.iter().any(is_slot))
}

struct Pass<'a, 'v> {
    actor: &'a Actor,
    view: &'a View<'v>,
    metrics: &'a Metrics,
    health: &'a Health,
}

impl Pass<'_, '_> {
    /// The actions of one group, up to the first that fails. A group that failed a
    /// moment ago waits.
    async fn all(&self, (about, actions): Group) -> Done {
        let mut done = Done {
            is_left: !self.actor.failures.is_due(&about),
            about,
            recorded: Vec::new(),
        };
        if done.is_left {
            return done;
        }
        let aside = format!("{} aside", done.about);
        let is_aside_due = self.actor.failures.is_due(&aside);
        let (mut failed, mut failed_aside) = (None, None);
        for action in actions {
            let by_itself = is_by_itself(&action);
            if by_itself && !is_aside_due {
                done.is_left = true;
                continue;
            }
            let Err(error) = self.one(&action).await else {
                done.recorded.extend(records(&action));
                continue;
            };
            // Conflicts and lost answers are everyday: the next pass looks again
            // and decides anew.
            tracing::warn!(about = done.about, "left for the next pass: {error:#}");
            done.is_left = true;
            if by_itself {
                failed_aside.get_or_insert(error);
                continue;
            }
            failed = Some(error);
            break;
        }
        self.actor.failures.note(&done.about, failed.as_ref());
        if is_aside_due {
            self.actor.failures.note(&aside, failed_aside.as_ref());
        }
        done
    }

    /// One action. No call of it goes on beyond the time in which this process may act.
    async fn one(&self, action: &Action) -> Result<()> {
        let left = self.actor.leadership.remaining();
        let call = apply(self.actor, self.view.snapshot, action.clone());
        let applied = tokio::time::timeout(left, call).await;
        let applied = applied.unwrap_or_else(|_| bail!("no answer before the lease may end"));
        self.metrics.acted(self.view, action, applied.is_ok());
        self.health.turned();
        applied
    }
}

/// The incident of which an action puts something on record.
fn records(action: &Action) -> Option<String> {
    match action {
        Action::SetStatus { remediation, .. } => Some(remediation.clone()),
        Action::OpenIncident(incident) => Some(incident.name_any()),
        _ => None,
    }
}

/// Whether nothing that follows builds on an action, which then waits by itself. A probe
/// that cannot be asked for anything new keeps no incident from its end, and a record that
/// may not be deleted keeps no node cordoned.
const fn is_by_itself(action: &Action) -> bool {
    matches!(
        action,
        Action::CreateHealth(_)
            | Action::SetTriggers { .. }
            | Action::SetConditions { .. }
            | Action::Forget { .. }
    )
}
