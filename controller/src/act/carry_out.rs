//! A plan is carried out: in its order for each node, several nodes side by side.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use futures::StreamExt;
use unstall_decide::{Action, Plan, View};

use super::actor::Actor;
use super::apply::apply;
use super::status::write_policies;
use crate::metrics::Metrics;

/// How many nodes are written to at once. Enough to make the objects of a new
/// fleet in a minute, and no load for an API server.
const AT_ONCE: usize = 8;

/// What became of a plan.
#[derive(Debug, Default)]
pub struct Carried {
    /// What was left to the next pass: nodes, or what else the actions were about.
    pub left: BTreeSet<String>,
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
) -> Result<Carried> {
    let (in_order, aside) = split(view, &plan.actions);
    let pass = Pass {
        actor,
        view,
        metrics,
    };
    let mut carried = Carried::default();
    // Slots are taken one after the other, each beside those before it.
    for (about, actions) in in_order {
        if !pass.all(&about, actions).await {
            carried.left.insert(about);
        }
    }
    let mut rest = futures::stream::iter(aside)
        .map(|(about, actions)| async {
            let is_done = pass.all(&about, actions).await;
            (about, is_done)
        })
        .buffer_unordered(AT_ONCE);
    while let Some((about, is_done)) = rest.next().await {
        if !is_done {
            carried.left.insert(about);
        }
    }
    drop(rest);
    actor.check()?;
    write_policies(actor, view.snapshot, &plan.policies).await?;
    Ok(carried)
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
}

impl Pass<'_, '_> {
    /// The actions of one group, up to the first that fails.
    async fn all(&self, about: &str, actions: Vec<Action>) -> bool {
        for action in actions {
            // No call goes on beyond the time in which this process may act.
            let left = self.actor.leadership.remaining();
            let call = apply(self.actor, self.view.snapshot, action.clone());
            let applied = tokio::time::timeout(left, call).await;
            let applied = applied.unwrap_or_else(|_| bail!("no answer before the lease may end"));
            self.metrics.acted(self.view, &action, applied.is_ok());
            if let Err(error) = applied {
                // Conflicts and lost answers are everyday: the next pass looks again
                // and decides anew.
                tracing::warn!(about, "left for the next pass: {error:#}");
                return false;
            }
        }
        true
    }
}
