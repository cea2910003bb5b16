//! The loop: wait, observe, decide, act.

use std::cmp;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use kube::ResourceExt;
use tokio::sync::watch;
use tokio::time::Instant;
use unstall_crds::remediation::{NodeRemediation, Phase};
use unstall_decide::{About, Event, Plan, Snapshot, View, plan, wanted};

use crate::act::{Actor, Carried, Herald, carry_out};
use crate::lead::LeadershipLost;
use crate::machine;
use crate::metrics::{Metrics, Turn, figures};
use crate::observe::{Memory, Nearby, Stores, snapshot};
use crate::serve::Health;

/// How often the loop looks by itself: deadlines and silence come without an event.
#[derive(Debug, Clone, Copy)]
pub struct Looks {
    /// While an incident is at work.
    pub at_work: Duration,
    /// While none is, or all of them wait.
    pub at_rest: Duration,
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            at_work: Duration::from_secs(2),
            at_rest: Duration::from_secs(15),
        }
    }
}

impl Looks {
    /// How long it does not look if nothing changes, while what failed is tried again after
    /// `again`: nobody tells of that moment.
    fn rest(self, is_at_rest: bool, again: Option<Duration>) -> Duration {
        let rest = again.map_or(self.at_rest, |again| self.at_rest.min(again));
        match is_at_rest {
            true => rest.max(self.at_work),
            false => self.at_work,
        }
    }
}

/// Changes come in bursts; one pass serves all of a burst.
const GATHER: Duration = Duration::from_millis(100);
/// In a fleet of thousands something always changes. Looking and deciding take one
/// part in ten of a CPU,
const REST_FOR_WORK: u32 = 9;
/// unless that kept an incident waiting for longer than this.
const GATHER_AT_MOST: Duration = Duration::from_secs(1);

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
    /// Writes Events.
    pub herald: Herald,
    /// How the process is.
    pub health: Arc<Health>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Ends the loop between two passes.
    pub stop: Stop,
    /// How often it looks by itself.
    pub looks: Looks,
}

/// Ends the loop between two passes.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    told: Arc<watch::Sender<bool>>,
}

impl Stop {
    /// After the pass that is under way there is no other.
    pub fn tell(&self) {
        self.told.send_replace(true);
    }

    /// Waits until it is told.
    pub async fn told(&self) {
        // Its sender is in here: the wait cannot fail before it ends.
        let _ = self.told.subscribe().wait_for(|is_told| *is_told).await;
    }

    fn is_told(&self) -> bool {
        *self.told.borrow()
    }
}

/// What a pass leaves to the loop.
struct Turned {
    /// When to look again if nothing changes.
    rest: Duration,
    /// How long it looked and decided.
    worked: Duration,
}

/// How long changes are gathered before the next pass, after one that `worked` so
/// long.
fn gather(worked: Duration) -> Duration {
    (worked * REST_FOR_WORK).clamp(GATHER, GATHER_AT_MOST)
}

impl Loop {
    /// Goes on until this process does not lead any more, or an error ends it.
    ///
    /// # Errors
    /// That leadership was lost, or that the ledger is not the one it leads by.
    pub async fn run(mut self) -> Result<()> {
        loop {
            if self.stop.is_told() {
                return Ok(());
            }
            self.actor.check()?;
            let turned = self.pass().await?;
            self.health.turned();
            self.health.is_ready();
            tokio::select! {
                biased;
                () = self.stop.told() => return Ok(()),
                () = self.stores.changed() => tokio::time::sleep(gather(turned.worked)).await,
                () = tokio::time::sleep(turned.rest) => {}
            }
        }
    }

    /// One pass.
    async fn pass(&mut self) -> Result<Turned> {
        let started = Instant::now();
        let seen = self.look();
        still_leading(&seen)?;
        let names_alerts = seen
            .policies
            .iter()
            .any(|it| !it.spec.disruption.blocked_by.alerts.firing.is_empty());
        let deciding = Instant::now();
        let view = View::new(&seen);
        let plan = plan(&view);
        let decided_in = deciding.elapsed();
        let worked = started.elapsed();
        tracing::debug!(
            actions = plan.actions.len(),
            nodes = seen.nodes.len(),
            ?decided_in,
            "decided"
        );
        self.nearby.want(&wanted(&view), names_alerts);
        let carried = carry_out(&self.actor, &view, &plan, &self.metrics, &self.health).await;
        let is_done = carried.as_ref().is_ok_and(|it| it.left.is_empty());
        match carried {
            Ok(carried) => self.tell(&plan, &carried).await,
            Err(error) => {
                self.actor.check()?;
                tracing::warn!("pass cut short: {error:#}");
            }
        }
        let names: BTreeSet<String> = view.open().map(ResourceExt::name_any).collect();
        self.actor
            .paced
            .keep(|what| what.starts_with("policy/") || names.contains(what));
        self.metrics.show(figures(&view, &plan));
        self.metrics.turned(&Turn {
            took: started.elapsed(),
            decided_in,
            is_done,
        });
        let again = self.actor.failures.first_again(started);
        let again = again.map(|at| at.saturating_duration_since(Instant::now()));
        let rest = self.looks.rest(view.open().all(waits), again);
        Ok(Turned { rest, worked })
    }

    /// Tells what changed. What was not carried out is told with the pass that does.
    async fn tell(&self, plan: &Plan, carried: &Carried) {
        let is_done = |event: &&Event| match &event.about {
            About::Node { name, incident, .. } => {
                let recorded = incident
                    .as_ref()
                    .is_some_and(|it| carried.recorded.contains(it));
                recorded || !carried.left.contains(name)
            }
            About::Policy { name, .. } => !carried.left.contains(name),
        };
        let events: Vec<Event> = plan.events.iter().filter(is_done).cloned().collect();
        if !events.is_empty() {
            self.metrics.told(&self.herald.tell(&events).await);
        }
    }

    fn look(&mut self) -> Snapshot {
        let now = machine::now();
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

/// Whether an incident waits for what it says: for others, or for a time that is minutes
/// away rather than seconds.
fn waits(incident: &NodeRemediation) -> bool {
    let Some(status) = &incident.status else {
        return false;
    };
    let is_others_turn = matches!(
        status.phase,
        Phase::Pending | Phase::Holding | Phase::HandedOver
    );
    is_others_turn && !status.blockers.is_empty()
}

/// Ends this process when the ledger is not the one that it leads by: the next
/// start makes or takes it anew.
fn still_leading(seen: &Snapshot) -> Result<()> {
    let Some(ledger) = &seen.ledger else {
        bail!("the DisruptionLedger was deleted: ending, the next start makes a new one");
    };
    let stored = ledger.status.as_ref().map_or(0, |status| status.epoch);
    match stored.cmp(&seen.epoch) {
        cmp::Ordering::Equal => Ok(()),
        cmp::Ordering::Greater => {
            let why = format!(
                "another controller leads (epoch {stored}, this one led {}): ending so as not to act beside it",
                seen.epoch
            );
            Err(LeadershipLost::new(why).into())
        }
        cmp::Ordering::Less => bail!(
            "the DisruptionLedger was made anew (epoch {stored}, this one led {}): ending, the next start leads by it",
            seen.epoch
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_waits_for_others_is_looked_at_as_seldom_as_nothing() {
        let incident = |status: serde_json::Value| -> NodeRemediation {
            serde_json::from_value(json!({
                "apiVersion": "unstall.dev/v1alpha1", "kind": "NodeRemediation", "metadata": {"name": "i"},
                "spec": {"origin": "Manual", "nodeName": "n", "reason": "r", "remedies": ["drop"]},
                "status": status,
            }))
            .unwrap()
        };
        let since = "2026-03-02T12:00:00Z";
        let blocked = json!([{"reason": "OutsideWindow", "message": "closed", "since": since}]);
        let of = |phase: &str| incident(json!({"phase": phase, "blockers": blocked}));
        assert!(
            ["Pending", "Holding", "HandedOver"]
                .iter()
                .all(|it| waits(&of(it)))
        );
        assert!(!waits(&of("Draining")), "pods may go at any time");
        assert!(!waits(&incident(json!({"phase": "Pending"}))), "a new one");
        assert!(!waits(&incident(serde_json::Value::Null)), "a newer one");
    }

    #[test]
    fn what_failed_is_not_left_for_as_long_as_it_rests() {
        let of = |is_at_rest, again: Option<u64>| {
            let rest = Looks::default().rest(is_at_rest, again.map(Duration::from_secs));
            rest.as_secs()
        };
        assert_eq!([of(true, None), of(false, None)], [15, 2]);
        assert_eq!(of(true, Some(7)), 7);
        assert_eq!(of(true, Some(0)), 2, "no sooner than at work");
        assert_eq!(of(true, Some(60)), 15);
        assert_eq!(of(false, Some(7)), 2);
    }

    #[test]
    fn a_large_fleet_is_looked_at_less_often() {
        let gathered = |millis| gather(Duration::from_millis(millis)).as_millis();
        assert_eq!(gathered(1), 100, "a small one at once");
        assert_eq!(gathered(60), 540);
        assert_eq!(gathered(400), 1000, "and none is kept waiting");
    }
}
