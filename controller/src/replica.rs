//! One replica from its start to its end: campaign, lead, give the lease up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use kube::Client;
use unstall_decide::Limits;

use crate::act::{Actor, Evictions, Failures, Herald, Pace};
use crate::keys::Signer;
use crate::lead::{Leadership, Options, Standing, campaign};
use crate::metrics::Metrics;
use crate::observe::{Heard, Memory, Nearby, OwnPods, Prometheus, Stores};
use crate::run::{Looks, Loop, Stop};
use crate::serve::Health;

/// How long the pass that is under way may take to its end. The chart's grace
/// period is longer.
const LAST_PASS: Duration = Duration::from_secs(15);

/// How long a leader may come no further in listing what it decides on. One that cannot
/// would keep the lease for ever and do nothing; another replica may have more luck. A list
/// that is slow would be begun anew by that one.
const NO_FURTHER_FOR: Duration = Duration::from_mins(2);

/// What a replica is made of.
pub struct Replica {
    /// The way to the API server.
    pub client: Client,
    /// Signs commands.
    pub signer: Signer,
    /// The lease that it wants.
    pub lease: Options,
    /// Bounds of what is looked at and kept.
    pub limits: Limits,
    /// How often it looks by itself.
    pub looks: Looks,
    /// Where alerts are asked for.
    pub prometheus: Option<Prometheus>,
    /// How the process is.
    pub health: Arc<Health>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Replica {
    /// A replica whose health and metrics nobody asks for, and whose Prometheus is where
    /// its API server is.
    ///
    /// # Errors
    /// When the signing key cannot be read.
    #[cfg(feature = "simulation")]
    pub fn simulated(
        client: Client,
        signing_key: &str,
        lease: Options,
        limits: Limits,
        looks: Looks,
    ) -> Result<Self, crate::keys::KeyError> {
        let terms = lease.terms;
        Ok(Self {
            prometheus: Some(Prometheus::of(client.clone())),
            client,
            signer: Signer::from_pem(signing_key)?,
            lease,
            limits,
            looks,
            health: Health::new(terms),
            metrics: Arc::new(Metrics::new(&crate::metrics::Calls::default())),
        })
    }

    /// Waits for the lease and leads, until it is told to `stop` or must.
    ///
    /// # Errors
    /// What ended it.
    pub async fn serve(self, stop: Stop) -> Result<()> {
        let health = Arc::clone(&self.health);
        let standing = move |standing: Standing<'_>| stand(&health, &standing);
        let elected = tokio::select! {
            biased;
            elected = campaign(self.client.clone(), self.lease.clone(), standing) => elected?,
            () = stop.told() => return Ok(()),
        };
        let (leadership, keeper) = elected;
        let (epoch, key, identity) = (leadership.epoch, self.signer.key_id(), &self.lease.identity);
        tracing::info!(epoch, key, identity, "leading");
        let mut work = std::pin::pin!(self.lead(leadership.clone(), stop.clone()));
        let ended = tokio::select! {
            biased;
            ended = &mut work => ended,
            lost = leadership.lost() => Err(lost.into()),
            () = stop.told() => {
                // A call that is under way is not dropped: it might still be carried out,
                // beside those of the next leader.
                let ended = tokio::time::timeout(LAST_PASS, &mut work).await;
                ended.unwrap_or(Ok(()))
            }
        };
        tracing::info!("giving the lease up");
        let given_up = keeper.release().await;
        // What ended it matters more than that the lease runs out by itself.
        ended.and(given_up)
    }

    async fn lead(self, leadership: Leadership, stop: Stop) -> Result<()> {
        let Self {
            client,
            signer,
            lease,
            limits,
            looks,
            prometheus,
            health,
            metrics,
        } = self;
        let stores = Stores::start(&client, &metrics);
        let waiting = Arc::clone(&health);
        tokio::select! {
            biased;
            listed = stores.synced(NO_FURTHER_FOR, move || waiting.turned()) => listed?,
            () = stop.told() => return Ok(()),
        }
        // Not earlier: one that has not seen the cluster decides nothing, and the alert is
        // to say so.
        metrics.leads(leadership.epoch);
        let (nodes, policies) = (stores.nodes.count(), stores.policies.count());
        tracing::info!(nodes, policies, "watching");
        let own = OwnPods::of_chart(lease.namespace);
        let changed = stores.notify();
        let sights = Arc::default();
        let nearby = Nearby::new(&client, &changed, &metrics, Some(&own), prometheus, &sights);
        let memory = Memory {
            heard: Heard::default(),
            limits,
        };
        let herald = Herald::new(client.clone(), &lease.identity);
        let actor = Actor {
            client,
            signer,
            leadership,
            evictions: Evictions::new(changed),
            sights,
            failures: Failures::default(),
            said: Mutex::new(BTreeMap::new()),
            paced: Pace::default(),
        };
        let work = Loop {
            actor,
            stores,
            nearby,
            memory,
            herald,
            health,
            metrics,
            stop,
            looks,
        };
        work.run().await
    }
}

fn stand(health: &Health, standing: &Standing<'_>) {
    health.turned();
    match standing {
        Standing::Standby { leader } => {
            tracing::debug!(leader, "standing by");
            health.is_ready();
        }
        Standing::Unknown { why } => {
            tracing::warn!(why, "the lease is not known");
            health.is_not_ready(why);
        }
        Standing::Elected => health.is_not_ready("the cluster is being read"),
    }
}

#[cfg(test)]
mod tests {
    use hyper::Method;
    use serde_json::{Value, json};

    use super::*;
    use crate::metrics::Calls;
    use crate::testing::{Asked, empty, refusal, served, terms};

    fn replica(client: Client) -> Replica {
        let terms = terms();
        Replica {
            client,
            signer: Signer::from_pem(&Signer::generate_pem().unwrap()).unwrap(),
            lease: Options {
                namespace: "n".to_owned(),
                lease: "l".to_owned(),
                identity: "i".to_owned(),
                terms,
            },
            limits: Limits::default(),
            looks: Looks::default(),
            prometheus: None,
            health: Health::new(terms),
            metrics: Arc::new(Metrics::new(&Calls::default())),
        }
    }

    /// A cluster that refuses to list NodeHealths, and whose lease is written down.
    fn refusing(lease: &Arc<Mutex<Value>>) -> Client {
        let lease = Arc::clone(lease);
        served(move |it: Asked| {
            if it.path.contains("/leases") && it.method != Method::GET {
                *lease.lock().unwrap() = it.body.clone();
            }
            std::future::ready(match it.path.ends_with("/nodehealths") {
                true => (
                    403,
                    refusal(403, "Forbidden", "no right to list nodehealths"),
                ),
                false => empty(&it),
            })
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_leader_that_cannot_list_a_kind_ends_and_gives_its_lease_up() {
        let lease = Arc::default();
        let replica = replica(refusing(&lease));
        let metrics = Arc::clone(&replica.metrics);
        let looks = async {
            tokio::time::sleep(NO_FURTHER_FOR / 2).await;
            assert_eq!(lease.lock().unwrap()["spec"]["holderIdentity"], "i");
            let page = metrics.render();
            assert!(page.contains("unstall_controller_leader 0"), "{page}");
        };
        let (ended, ()) = tokio::join!(replica.serve(Stop::default()), looks);
        let why = format!("{:#}", ended.unwrap_err());
        assert!(
            why.starts_with("not listed, and no further in 120 s: NodeHealths ("),
            "{why}"
        );
        assert!(why.contains("no right to list nodehealths"), "{why}");
        assert!(!why.contains("Nodes"), "the others were listed: {why}");
        assert_eq!(lease.lock().unwrap()["spec"]["holderIdentity"], json!(""));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_has_seen_the_cluster_says_that_it_leads() {
        let replica = replica(served(|it| std::future::ready(empty(&it))));
        let metrics = Arc::clone(&replica.metrics);
        let ended = replica.serve(Stop::default()).await;
        let why = format!("{:#}", ended.unwrap_err());
        assert!(
            why.contains("DisruptionLedger was deleted"),
            "its first look: {why}"
        );
        let page = metrics.render();
        assert!(page.contains("unstall_controller_leader 1"), "{page}");
    }
}
