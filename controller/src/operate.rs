//! From the start of the process to its end: campaign, watch, lead, give up.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use unstall_decide::Limits;

use crate::act::{Actor, Evictions};
use crate::config::Run;
use crate::keys::Signer;
use crate::lead::{self, Leadership, campaign};
use crate::observe::{Heard, Memory, Nearby, OwnPods, Stores};
use crate::{Loop, client};

/// Runs the controller until it is told to end, or must.
///
/// # Errors
/// What ended it.
pub async fn operate(options: Run) -> Result<()> {
    let path = options.signing_key.display();
    let pem = fs::read_to_string(&options.signing_key)
        .with_context(|| format!("cannot read the signing key {path}"))?;
    let signer = Signer::from_pem(&pem).with_context(|| format!("signing key {path}"))?;
    let client = client::connect().await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let lease = lead::Options {
        namespace: options.namespace.clone(),
        lease: "unstall-controller".to_owned(),
        identity: lead::unique(&options.identity),
        terms: lead::lease::Terms {
            duration: options.lease_duration,
            renew_deadline: options.lease_renew_deadline,
            retry: options.lease_retry,
        },
    };
    let elected = tokio::select! {
        elected = campaign(client.clone(), lease, |_| ()) => elected?,
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    };
    let (leadership, keeper) = elected;
    tracing::info!(epoch = leadership.epoch, key = signer.key_id(), "leading");
    let ended = tokio::select! {
        ended = lead(client, signer, leadership.clone(), &options) => ended,
        lost = leadership.lost() => Err(lost.into()),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    };
    let given_up = keeper.release().await;
    ended.and(given_up)
}

async fn lead(
    client: kube::Client,
    signer: Signer,
    leadership: Leadership,
    options: &Run,
) -> Result<()> {
    let stores = Stores::start(&client);
    stores.synced().await;
    let own = OwnPods {
        namespace: options.namespace.clone(),
        selector: "app.kubernetes.io/component=controller".to_owned(),
    };
    let changed = stores.notify();
    let nearby = Nearby::new(&client, changed.clone(), Some(&own), None);
    let memory = Memory {
        heard: Heard::default(),
        limits: Limits::default(),
    };
    let actor = Actor {
        client,
        signer,
        leadership,
        evictions: Evictions::new(changed),
        said: Mutex::new(BTreeMap::new()),
    };
    Loop {
        actor,
        stores,
        nearby,
        memory,
    }
    .run()
    .await
}
