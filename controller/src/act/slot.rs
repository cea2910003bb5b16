//! Slots of the ledger, by compare-and-swap, and the words that humans write into
//! it.

use anyhow::{Result, bail};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::Api;
use serde_json::json;
use unstall_crds::ledger::{DisruptionLedger, Slot};
use unstall_crds::names::LEDGER;
use unstall_decide::{Release, SlotRequest};

use super::actor::{Actor, params};
use super::apply;

/// Takes a slot and records what it is for, in one write that fails when
/// anybody changed the ledger since it was read.
pub async fn take(actor: &Actor, request: SlotRequest) -> Result<()> {
    tracing::info!(
        node = request.slot.node,
        incident = request.slot.remediation,
        kind = %request.slot.kind,
        "taking a slot"
    );
    swap(actor, |ledger| taken(ledger, &request)).await
}

fn taken(ledger: &mut DisruptionLedger, request: &SlotRequest) -> Result<()> {
    let now = request.slot.since.0;
    let pause = ledger.spec.pause.as_ref();
    if let Some(pause) = pause.filter(|pause| pause.until.0 > now) {
        bail!("paused until {} meanwhile: {}", pause.until.0, pause.reason);
    }
    let status = ledger.status.get_or_insert_default();
    let own = |slot: &Slot| {
        slot.node == request.slot.node && slot.remediation == request.slot.remediation
    };
    let mut others = status.slots.iter().filter(|slot| !own(slot));
    if let Some(other) = others.clone().find(|slot| slot.node == request.slot.node) {
        bail!(
            "node {} holds a slot for incident {} already",
            other.node,
            other.remediation
        );
    }
    let held = status.slots.iter().find(|slot| own(slot));
    if let Some(held) = held.filter(|held| request.replaces.as_ref() != Some(&held.since)) {
        bail!(
            "node {} has its slot since {:.0} already: the answer to that was lost",
            held.node,
            held.since.0
        );
    }
    let unknown = |slot: &&Slot| !request.beside.contains(&slot.node);
    if let Some(other) = others.find(unknown) {
        bail!("node {} took a slot meanwhile", other.node);
    }
    status.history.retain(|entry| entry.until.0 > now);
    status.history.push(request.history.clone());
    status.slots.retain(|slot| !own(slot));
    status.slots.push(request.slot.clone());
    Ok(())
}

/// Gives back the slot that the incident holds on the node.
pub async fn release(actor: &Actor, release: &Release) -> Result<()> {
    tracing::info!(
        node = release.node,
        incident = release.remediation,
        "giving the slot back"
    );
    swap(actor, |ledger| {
        given_back(ledger, release);
        Ok(())
    })
    .await
}

fn given_back(ledger: &mut DisruptionLedger, release: &Release) {
    let status = ledger.status.get_or_insert_default();
    let held = status.slots.len();
    status
        .slots
        .retain(|slot| slot.node != release.node || slot.remediation != release.remediation);
    if status.slots.len() == held {
        // Given back before; what that changed is there.
        return;
    }
    if let Some(ended) = release.disruption_ended {
        status.last_disruption = Some(Time(ended));
    }
    if let Some((at, action)) = release.correct {
        let entry = status
            .history
            .iter_mut()
            .find(|entry| entry.node == release.node && entry.at.0.as_second() == at.as_second());
        if let Some(entry) = entry {
            entry.action = action;
        }
    }
}

/// Removes words that were carried out from the lists that humans write.
pub async fn tidy(
    actor: &Actor,
    released: &[String],
    approved: &[String],
    seen: Option<String>,
) -> Result<()> {
    let api: Api<DisruptionLedger> = Api::all(actor.client.clone());
    let live = actor
        .call("cannot read the ledger", api.get(LEDGER))
        .await?;
    if seen.is_some() && live.metadata.resource_version != seen {
        bail!("the ledger was changed meanwhile");
    }
    let left = |list: &[String], done: &[String]| -> Vec<String> {
        let left = list.iter().filter(|name| !done.contains(name));
        left.cloned().collect()
    };
    let patch = json!({
        "metadata": {"resourceVersion": live.metadata.resource_version},
        "spec": {
            "release": left(&live.spec.release, released),
            "approve": left(&live.spec.approve, approved),
        },
    });
    apply::merge(actor, &api, LEDGER, &patch, "cannot tidy the ledger").await
}

/// The live ledger, if this controller still leads.
pub async fn live(actor: &Actor) -> Result<DisruptionLedger> {
    let api: Api<DisruptionLedger> = Api::all(actor.client.clone());
    let ledger = actor
        .call("cannot read the ledger", api.get(LEDGER))
        .await?;
    let epoch = ledger.status.as_ref().map_or(0, |status| status.epoch);
    if epoch != actor.epoch() {
        bail!(
            "the ledger is at epoch {epoch}, this controller leads epoch {}",
            actor.epoch()
        );
    }
    Ok(ledger)
}

/// Fails unless the incident holds the node's slot in the live ledger.
pub async fn require(actor: &Actor, node: &str, remediation: &str) -> Result<()> {
    let slots = live(actor).await?.status.map(|status| status.slots);
    let mut slots = slots.iter().flatten();
    if slots.any(|slot| slot.node == node && slot.remediation == remediation) {
        return Ok(());
    }
    bail!("incident {remediation} holds no slot for node {node}: nothing is done without one")
}

async fn swap(
    actor: &Actor,
    change: impl FnOnce(&mut DisruptionLedger) -> Result<()>,
) -> Result<()> {
    let mut ledger = live(actor).await?;
    change(&mut ledger)?;
    let status = ledger.status.get_or_insert_default();
    status.slots_in_use = u32::try_from(status.slots.len()).unwrap_or(u32::MAX);
    actor.check()?;
    let api: Api<DisruptionLedger> = Api::all(actor.client.clone());
    // The resourceVersion of the live read is in the object: of two writers one fails.
    actor
        .call(
            "cannot write the ledger",
            api.replace_status(LEDGER, &params(), &ledger),
        )
        .await?;
    Ok(())
}
