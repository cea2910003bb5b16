//! Slots of the ledger, by compare-and-swap.

use anyhow::{Result, bail};
use kube::api::Api;
use unstall_crds::ledger::{DisruptionLedger, Slot};
use unstall_crds::names::LEDGER;
use unstall_decide::SlotRequest;

use super::Actor;
use super::apply::params;
use crate::client::bounded;

/// Takes a slot and records what it is for, in one write that fails when
/// anybody changed the ledger since it was read.
pub async fn take(actor: &Actor, request: SlotRequest) -> Result<()> {
    tracing::info!(
        node = request.slot.node,
        incident = request.slot.remediation,
        "taking a slot"
    );
    swap(actor, |ledger| {
        let pause = ledger.spec.pause.as_ref();
        if let Some(pause) = pause.filter(|pause| pause.until.0 > request.slot.since.0) {
            bail!("paused until {} meanwhile: {}", pause.until.0, pause.reason);
        }
        let status = ledger.status.get_or_insert_default();
        let mut held = status.slots.iter();
        if held.any(|slot| slot.node == request.slot.node) {
            bail!("node {} holds a slot already", request.slot.node);
        }
        let unknown = |slot: &&Slot| !request.beside.contains(&slot.node);
        if let Some(other) = status.slots.iter().find(unknown) {
            bail!("node {} took a slot meanwhile", other.node);
        }
        status
            .history
            .retain(|entry| entry.until.0 > request.slot.since.0);
        status.history.push(request.history.clone());
        status.slots.push(request.slot.clone());
        Ok(())
    })
    .await
}

/// Gives back the slot that `remediation` holds on `node`.
pub async fn release(actor: &Actor, node: &str, remediation: &str) -> Result<()> {
    tracing::info!(node, incident = remediation, "giving the slot back");
    swap(actor, |ledger| {
        let status = ledger.status.get_or_insert_default();
        status
            .slots
            .retain(|slot| slot.node != node || slot.remediation != remediation);
        Ok(())
    })
    .await
}

/// The live ledger, if this controller still leads.
pub async fn live(actor: &Actor) -> Result<DisruptionLedger> {
    let api: Api<DisruptionLedger> = Api::all(actor.client.clone());
    let ledger = bounded("cannot read the ledger", api.get(LEDGER)).await?;
    let epoch = ledger.status.as_ref().map_or(0, |status| status.epoch);
    if epoch != actor.epoch {
        bail!(
            "the ledger is at epoch {epoch}, this controller leads epoch {}",
            actor.epoch
        );
    }
    Ok(ledger)
}

async fn swap(
    actor: &Actor,
    change: impl FnOnce(&mut DisruptionLedger) -> Result<()>,
) -> Result<()> {
    let mut ledger = live(actor).await?;
    change(&mut ledger)?;
    let status = ledger.status.get_or_insert_default();
    status.slots_in_use = u32::try_from(status.slots.len()).unwrap_or(u32::MAX);
    let api: Api<DisruptionLedger> = Api::all(actor.client.clone());
    // The resourceVersion of the live read is in the object: of two writers one fails.
    bounded(
        "cannot write the ledger",
        api.replace_status(LEDGER, &params(), &ledger),
    )
    .await?;
    Ok(())
}
