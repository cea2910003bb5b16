//! The process from its start to its end: campaign, lead, give up.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use kube::Client;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::act::{Actor, Evictions, Failures, Herald, Pace};
use crate::client;
use crate::config::Run;
use crate::keys::Signer;
use crate::lead::{Leadership, Standing, campaign};
use crate::metrics::{Calls, Metrics};
use crate::observe::{Heard, Memory, Nearby, OwnPods, Prometheus, PrometheusOptions, Stores};
use crate::run::{Loop, Stop};
use crate::serve::{self, Health};

/// The label by which the chart's replicas are known.
const REPLICAS: &str = "app.kubernetes.io/name=unstall,app.kubernetes.io/component=controller";

/// How long the pass that is under way may take to its end. The chart's grace
/// period is longer.
const LAST_PASS: Duration = Duration::from_secs(15);

/// What is made before this replica leads.
struct Ready {
    client: Client,
    signer: Signer,
    identity: String,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    prometheus: Option<Prometheus>,
}

/// Runs the controller until it is told to end, or must.
///
/// # Errors
/// What ended it.
pub async fn operate(options: Run) -> Result<()> {
    let lease = options.election.options()?;
    let signer = signer(&options)?;
    let prometheus = prometheus(&options)?;
    let calls = Calls::default();
    let client = client::connect(&calls).await?;
    let (health, metrics) = (Health::new(), Arc::new(Metrics::new(&calls)));
    let listener = serve::listen(options.listen).await?;
    tokio::spawn(serve::serve(listener, health.clone(), metrics.clone()));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let identity = lease.identity.clone();
    let standing = |standing: Standing<'_>| {
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
    };
    let elected = tokio::select! {
        elected = campaign(client.clone(), lease, standing) => elected?,
        () = told_to_end(&mut terminate, &mut interrupt) => return Ok(()),
    };
    let (leadership, keeper) = elected;
    let (epoch, key) = (leadership.epoch, signer.key_id());
    tracing::info!(epoch, key, identity, "leading");
    metrics.leads(epoch);
    let ready = Ready {
        client,
        signer,
        identity,
        health,
        metrics,
        prometheus,
    };
    let stop = Stop::default();
    let mut work = std::pin::pin!(lead(ready, leadership.clone(), &options, stop.clone()));
    let ended = tokio::select! {
        ended = &mut work => ended,
        lost = leadership.lost() => Err(lost.into()),
        () = told_to_end(&mut terminate, &mut interrupt) => {
            // A call that is under way is not dropped: it might still be carried out,
            // beside those of the next leader.
            stop.tell();
            let ended = tokio::time::timeout(LAST_PASS, &mut work).await;
            ended.unwrap_or(Ok(()))
        }
    };
    tracing::info!("giving the lease up");
    let given_up = keeper.release().await;
    // What ended it matters more than that the lease runs out by itself.
    ended.and(given_up)
}

async fn told_to_end(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn signer(options: &Run) -> Result<Signer> {
    let path = options.signing_key.display();
    let pem = fs::read_to_string(&options.signing_key)
        .with_context(|| format!("cannot read the signing key {path} (--signing-key)"))?;
    Signer::from_pem(&pem).with_context(|| format!("signing key {path}"))
}

fn prometheus(options: &Run) -> Result<Option<Prometheus>> {
    let of = &options.prometheus;
    let Some(url) = of.url.clone() else {
        return Ok(None);
    };
    let prometheus = Prometheus::new(PrometheusOptions {
        url,
        token_file: of.token_file.clone(),
        ca_file: of.ca_file.clone(),
    });
    prometheus.map(Some)
}

async fn lead(ready: Ready, leadership: Leadership, options: &Run, stop: Stop) -> Result<()> {
    let Ready {
        client,
        signer,
        identity,
        health,
        metrics,
        prometheus,
    } = ready;
    let stores = Stores::start(&client, &metrics);
    tokio::select! {
        () = stores.synced(|| health.turned()) => {}
        () = stop.told() => return Ok(()),
    }
    let (nodes, policies) = (stores.nodes.count(), stores.policies.count());
    tracing::info!(nodes, policies, "watching");
    let own = OwnPods {
        namespace: options.election.namespace.clone(),
        selector: REPLICAS.to_owned(),
    };
    let changed = stores.notify();
    let sights = Arc::default();
    let nearby = Nearby::new(&client, &changed, &metrics, Some(&own), prometheus, &sights);
    let memory = Memory {
        heard: Heard::default(),
        limits: options.bounds.limits(),
    };
    let herald = Herald::new(client.clone(), &identity);
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
    Loop {
        actor,
        stores,
        nearby,
        memory,
        herald,
        health,
        metrics,
        stop,
    }
    .run()
    .await
}
