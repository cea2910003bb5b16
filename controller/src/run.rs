//! The loop: wait, observe, decide, act.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use jiff::Timestamp;
use unstall_decide::{Snapshot, View, plan, wanted};

use crate::act::{Actor, carry_out};
use crate::observe::{Memory, Nearby, Stores, snapshot};

/// Deadlines and silence come without an event, so the loop also looks by
/// itself: this often while an incident is open,
const LOOK_AT_WORK: Duration = Duration::from_secs(2);
/// and this often while none is.
const LOOK_AT_REST: Duration = Duration::from_secs(15);
/// Changes come in bursts; one pass serves all of a burst.
const GATHER: Duration = Duration::from_millis(100);

/// What the loop needs.
pub struct Loop {
    /// Who acts.
    pub actor: Actor,
    /// What is always watched.
    pub stores: Stores,
    /// What is watched while it is needed.
    pub nearby: Nearby,
    /// What this process knows beside the cluster's objects.
    pub memory: Memory,
}

impl Loop {
    /// Goes on until this process does not lead any more, or an error ends it.
    ///
    /// # Errors
    /// That leadership was lost, or that the ledger is not the one it leads by.
    pub async fn run(mut self) -> Result<()> {
        loop {
            self.actor.check()?;
            let rest = self.pass().await?;
            tokio::select! {
                () = self.stores.changed() => tokio::time::sleep(GATHER).await,
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    /// One pass; returns how long to rest if nothing changes.
    async fn pass(&mut self) -> Result<Duration> {
        let seen = self.look();
        still_leading(&seen)?;
        let names_alerts = seen
            .policies
            .iter()
            .any(|it| !it.spec.disruption.blocked_by.alerts.firing.is_empty());
        let started = Instant::now();
        let view = View::new(&seen);
        let plan = plan(&view);
        let took = started.elapsed();
        tracing::debug!(
            actions = plan.actions.len(),
            nodes = seen.nodes.len(),
            ?took,
            "decided"
        );
        self.nearby.want(&wanted(&view), names_alerts);
        if let Err(error) = carry_out(&self.actor, &seen, &view, &plan).await {
            self.actor.check()?;
            tracing::warn!("pass cut short: {error:#}");
        }
        let is_at_rest = view.open().next().is_none();
        Ok(if is_at_rest {
            LOOK_AT_REST
        } else {
            LOOK_AT_WORK
        })
    }

    fn look(&mut self) -> Snapshot {
        let now = Timestamp::now();
        let answers = self.actor.evictions.answers(now);
        let epoch = self.actor.epoch();
        snapshot(
            &self.stores,
            &self.nearby,
            &mut self.memory,
            answers,
            now,
            epoch,
        )
    }
}

/// Ends this process when the ledger is not the one that it leads by: the next
/// start makes or takes it anew.
fn still_leading(seen: &Snapshot) -> Result<()> {
    let Some(ledger) = &seen.ledger else {
        bail!("the DisruptionLedger was deleted: ending, the next start makes a new one");
    };
    let stored = ledger.status.as_ref().map_or(0, |status| status.epoch);
    match stored.cmp(&seen.epoch) {
        Ordering::Equal => Ok(()),
        Ordering::Greater => bail!(
            "another controller leads (epoch {stored}, this one led {}): ending so as not to act beside it",
            seen.epoch
        ),
        Ordering::Less => bail!(
            "the DisruptionLedger was made anew (epoch {stored}, this one led {}): ending, the next start leads by it",
            seen.epoch
        ),
    }
}
