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

/// The label by which the chart's replicas are known.
const REPLICAS: &str = "app.kubernetes.io/name=unstall,app.kubernetes.io/component=controller";

/// How long the pass that is under way may take to its end. The chart's grace
/// period is longer.
const LAST_PASS: Duration = Duration::from_secs(15);

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
        Ok(Self {
            prometheus: Some(Prometheus::of(client.clone())),
            client,
            signer: Signer::from_pem(signing_key)?,
            lease,
            limits,
            looks,
            health: Health::new(),
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
        self.metrics.leads(epoch);
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
            () = stores.synced(move || waiting.turned()) => {}
            () = stop.told() => return Ok(()),
        }
        let (nodes, policies) = (stores.nodes.count(), stores.policies.count());
        tracing::info!(nodes, policies, "watching");
        let own = OwnPods {
            namespace: lease.namespace,
            selector: REPLICAS.to_owned(),
        };
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
