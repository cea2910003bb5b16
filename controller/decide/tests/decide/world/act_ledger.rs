//! Plans change the ledger.

use unstall_crds::ledger::{DisruptionLedger, DisruptionLedgerStatus};
use unstall_decide::{Release, SlotRequest};

use super::World;
use super::act::next_version;
use super::patch::stored;

impl World {
    fn live_ledger(&mut self) -> Result<&mut DisruptionLedger, String> {
        let ledger = self.snapshot.ledger.as_mut().ok_or("there is no ledger")?;
        let version = next_version(ledger.metadata.resource_version.as_deref());
        ledger.metadata.resource_version = Some(version);
        Ok(ledger)
    }

    fn live_slots(&mut self) -> Result<&mut DisruptionLedgerStatus, String> {
        Ok(self.live_ledger()?.status.get_or_insert_default())
    }

    /// Whether the incident holds the node's slot.
    pub(super) fn hold_slot(&mut self, node: &str, remediation: &str) -> Result<(), String> {
        let mut slots = self.snapshot.slots();
        if slots.any(|slot| slot.node == node && slot.remediation == remediation) {
            return Ok(());
        }
        Err(format!("{remediation} holds no slot for node {node}"))
    }

    pub(super) fn take(&mut self, request: &SlotRequest) -> Result<(), String> {
        let SlotRequest {
            slot,
            history,
            beside,
            replaces,
        } = request;
        let ledger = self.live_ledger()?;
        let pause = ledger.spec.pause.as_ref();
        if pause.is_some_and(|pause| pause.until > slot.since) {
            return Err("paused meanwhile".to_owned());
        }
        let status = ledger.status.get_or_insert_default();
        let held = status.slots.iter().find(|held| held.node == slot.node);
        if held.is_some_and(|held| held.remediation != slot.remediation) {
            return Err(format!("node {} holds a slot already", slot.node));
        }
        if held.map(|held| &held.since) != replaces.as_ref() {
            return Err(format!("node {} took its slot already", slot.node));
        }
        let others = status.slots.iter().filter(|held| held.node != slot.node);
        if let Some(held) = others.into_iter().find(|s| !beside.contains(&s.node)) {
            return Err(format!("node {} took a slot meanwhile", held.node));
        }
        status.history.retain(|entry| entry.until > slot.since);
        status.history.push(stored(history));
        status.slots.retain(|held| held.node != slot.node);
        status.slots.push(stored(slot));
        Ok(())
    }

    pub(super) fn release(&mut self, release: &Release) -> Result<(), String> {
        let Release {
            node,
            remediation,
            disruption_ended,
            correct,
        } = release;
        let status = self.live_slots()?;
        let is_held = |slot: &unstall_crds::ledger::Slot| {
            slot.node == *node && slot.remediation == *remediation
        };
        if !status.slots.iter().any(is_held) {
            return Ok(());
        }
        status.slots.retain(|slot| !is_held(slot));
        if let Some(ended) = disruption_ended {
            let ended = stored(&k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
                *ended,
            ));
            status.last_disruption = Some(ended);
        }
        if let Some((at, action)) = correct {
            let mut entries = status.history.iter_mut();
            let entry = entries.find(|entry| entry.node == *node && entry.at.0 == *at);
            if let Some(entry) = entry {
                entry.action = *action;
            }
        }
        Ok(())
    }

    pub(super) fn tidy(
        &mut self,
        released: &[String],
        approved: &[String],
        seen: Option<&str>,
    ) -> Result<(), String> {
        let ledger = self.snapshot.ledger.as_ref().ok_or("there is no ledger")?;
        if ledger.metadata.resource_version.as_deref() != seen {
            return Err("the ledger was written meanwhile".to_owned());
        }
        let ledger = self.live_ledger()?;
        ledger.spec.release.retain(|node| !released.contains(node));
        ledger.spec.approve.retain(|name| !approved.contains(name));
        Ok(())
    }
}
