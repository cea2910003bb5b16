//! The epoch that every command and slot carries.

use anyhow::Result;
use jiff::Timestamp;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::{Client, Error};
use unstall_crds::ledger::{DisruptionLedger, DisruptionLedgerSpec, DisruptionLedgerStatus};
use unstall_crds::names::{LEDGER, manager};

use crate::client::bounded;
use crate::machine;

/// How often a lost race for the ledger is tried again.
const TRIES: usize = 10;

/// Takes a new epoch by compare-and-swap on the ledger, which is made where it
/// is absent. An earlier controller sees the higher epoch and ends.
///
/// # Errors
/// When the API server refuses, or others win the race each time.
pub async fn acquire(client: &Client, identity: &str) -> Result<i64> {
    let api: Api<DisruptionLedger> = Api::all(client.clone());
    for _ in 0..TRIES {
        let Some(mut ledger) = live(&api).await? else {
            continue;
        };
        let status = ledger.status.get_or_insert_default();
        let epoch = next_epoch(status, machine::now());
        status.epoch = epoch;
        status.leader = Some(identity.chars().take(253).collect());
        let params = PostParams {
            field_manager: Some(manager::CONTROLLER.into()),
            ..PostParams::default()
        };
        let swap = async {
            match api.replace_status(LEDGER, &params, &ledger).await {
                Err(Error::Api(status)) if status.code == 409 => Ok(false),
                other => other.map(|_| true),
            }
        };
        if bounded("cannot take a new epoch in the ledger", swap).await? {
            return Ok(epoch);
        }
    }
    anyhow::bail!(
        "lost the race for the ledger's epoch {TRIES} times: is another controller starting?"
    )
}

/// One more than the stored one, or the time in seconds if that is more: it
/// rises also when the ledger was deleted.
fn next_epoch(status: &DisruptionLedgerStatus, now: Timestamp) -> i64 {
    status.epoch.saturating_add(1).max(now.as_second())
}

/// The ledger, made where it is absent; `None` where somebody else made it just then.
async fn live(api: &Api<DisruptionLedger>) -> Result<Option<DisruptionLedger>> {
    let ledger = bounded("cannot read the ledger", api.get_opt(LEDGER)).await?;
    if ledger.is_some() {
        return Ok(ledger);
    }
    let new = DisruptionLedger {
        metadata: ObjectMeta {
            name: Some(LEDGER.to_owned()),
            ..ObjectMeta::default()
        },
        spec: DisruptionLedgerSpec::default(),
        status: None,
    };
    let create = async {
        match api.create(&PostParams::default(), &new).await {
            Err(Error::Api(status)) if status.is_already_exists() => Ok(None),
            other => other.map(Some),
        }
    };
    bounded("cannot create the ledger", create).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_rises_whatever_the_clock_says() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let stored = |epoch| DisruptionLedgerStatus {
            epoch,
            ..DisruptionLedgerStatus::default()
        };
        assert_eq!(next_epoch(&stored(0), at(1_764_000_000)), 1_764_000_000);
        assert_eq!(
            next_epoch(&stored(1_764_000_000), at(1_764_000_000)),
            1_764_000_001
        );
        assert_eq!(next_epoch(&stored(1_764_000_000), at(5)), 1_764_000_001);
    }
}
