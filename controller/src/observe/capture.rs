//! One snapshot of a cluster, for reports.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use jiff::Timestamp;
use kube::Client;
use unstall_decide::{Alerts, Limits, Snapshot, View, Wanted, wanted};

use super::{Heard, Memory, Nearby, Stores, snapshot};
use crate::metrics::{Calls, Metrics};

/// How long the lists may take.
const LIMIT: Duration = Duration::from_secs(60);
/// How often it is looked whether they are there.
const LOOK: Duration = Duration::from_millis(100);

/// The cluster as the controller sees it now, with the pods, budgets and volumes
/// that its next decision asks for.
///
/// # Errors
/// When something is not listed in time.
pub async fn capture(client: Client) -> Result<Snapshot> {
    let metrics = Arc::new(Metrics::new(&Calls::default()));
    let stores = Stores::start(&client, &metrics);
    stores.synced(LIMIT, || ()).await?;
    let mut nearby = Nearby::new(
        &client,
        &stores.notify(),
        &metrics,
        None,
        None,
        &Arc::default(),
    );
    let mut memory = Memory {
        heard: Heard::default(),
        limits: Limits::default(),
    };
    let mut look = |nearby: &Nearby| {
        let now = Timestamp::now();
        let mut seen = snapshot(&stores, nearby, &mut memory, BTreeMap::new(), now, 0);
        let status = seen.ledger.as_ref().and_then(|it| it.status.as_ref());
        seen.epoch = status.map_or(0, |status| status.epoch);
        // Which Prometheus the controller was given is not known here.
        seen.alerts = Alerts::Unknown {
            why: "a snapshot does not ask Prometheus".to_owned(),
        };
        seen
    };
    let first = look(&nearby);
    let needed = wanted(&View::new(&first));
    nearby.want(&needed, false);
    let deadline = Instant::now() + LIMIT;
    loop {
        let seen = look(&nearby);
        match missing(&seen, &needed) {
            None => return Ok(seen),
            Some(what) if Instant::now() > deadline => {
                bail!("{what} could not be listed in {} s", LIMIT.as_secs());
            }
            Some(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

/// What is wanted and not there yet.
fn missing(seen: &Snapshot, wanted: &Wanted) -> Option<String> {
    if let Some(node) = wanted
        .pods
        .iter()
        .find(|node| !seen.pods.contains_key(*node))
    {
        return Some(format!("pods of node {node}"));
    }
    let all = [
        (
            wanted.unplaced,
            seen.unplaced.is_some(),
            "pods without a node",
        ),
        (
            wanted.budgets,
            seen.budgets.is_some(),
            "PodDisruptionBudgets",
        ),
        (
            wanted.attachments,
            seen.attachments.is_some(),
            "VolumeAttachments",
        ),
    ];
    let (_, _, what) = all
        .into_iter()
        .find(|(is_wanted, is_there, _)| *is_wanted && !is_there)?;
    Some(what.to_owned())
}
