//! The process: its configuration, its endpoint, its signals, and the replica in it.

use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};

use crate::client;
use crate::config::Run;
use crate::keys::Signer;
use crate::metrics::{Calls, Metrics};
use crate::observe::{Prometheus, PrometheusOptions};
use crate::replica::Replica;
use crate::run::{Looks, Stop};
use crate::serve::{self, Health};

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
    let (health, metrics) = (Health::new(lease.terms), Arc::new(Metrics::new(&calls)));
    let listener = serve::listen(options.listen).await?;
    tracing::info!(address = %listener.local_addr()?, "serving /metrics, /livez and /readyz");
    tokio::spawn(serve::serve(listener, health.clone(), metrics.clone()));
    let replica = Replica {
        client,
        signer,
        lease,
        limits: options.bounds.limits(),
        looks: Looks::default(),
        prometheus,
        health,
        metrics,
    };
    let stop = Stop::default();
    let told = tell_when_told(stop.clone())?;
    let ended = replica.serve(stop).await;
    told.abort();
    ended
}

/// Tells `stop` when this process is told to end.
fn tell_when_told(stop: Stop) -> Result<tokio::task::JoinHandle<()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.tell();
    }))
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
