//! A plan is carried out: in its order for each node, several nodes side by side.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use futures::StreamExt;
use unstall_decide::{Action, Plan, Snapshot, View};

use super::actor::Actor;
use super::apply::apply;
use super::status::write_policies;

/// How many nodes are written to at once. Enough to make the objects of a new
/// fleet in a minute, and no load for an API server.
const AT_ONCE: usize = 8;

/// Carries out `plan`, which was made of `seen`. What fails for one node leaves
/// the others their turn; for that node the rest is left to the next pass,
/// because its order matters. Returns how many nodes were left.
///
/// # Errors
/// When this process does not lead any more, or no policy can be written.
pub async fn carry_out(
    actor: &Actor,
    seen: &Snapshot,
    view: &View<'_>,
    plan: &Plan,
) -> Result<usize> {
    let (in_order, aside) = split(view, &plan.actions);
    let mut failed = 0;
    // Slots are taken one after the other, each beside those before it.
    for (about, actions) in in_order {
        failed += usize::from(!all(actor, seen, &about, actions).await);
    }
    let mut rest = futures::stream::iter(aside)
        .map(|(about, actions)| async move { all(actor, seen, &about, actions).await })
        .buffer_unordered(AT_ONCE);
    while let Some(is_done) = rest.next().await {
        failed += usize::from(!is_done);
    }
    drop(rest);
    actor.check()?;
    write_policies(actor, seen, &plan.policies).await?;
    Ok(failed)
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

async fn all(actor: &Actor, seen: &Snapshot, about: &str, actions: Vec<Action>) -> bool {
    for action in actions {
        // No call goes on beyond the time in which this process may act.
        let left = actor.leadership.remaining();
        let applied = tokio::time::timeout(left, apply(actor, seen, action)).await;
        let applied = applied.unwrap_or_else(|_| bail!("no answer before the lease may end"));
        if let Err(error) = applied {
            // Conflicts and lost answers are everyday: the next pass looks again
            // and decides anew.
            tracing::warn!(about, "left for the next pass: {error:#}");
            return false;
        }
    }
    true
}
