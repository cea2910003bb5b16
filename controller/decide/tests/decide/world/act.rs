//! Plans change the world, with the checks that the controller's `act` makes on
//! live objects.

use kube::ResourceExt;
use unstall_crds::command::{CommandPayload, SIGNATURE_BYTES, SignedCommand};
use unstall_crds::health::NodeHealth;
use unstall_crds::ledger::DisruptionLedgerStatus;
use unstall_crds::remediation::{NodeRemediation, NodeRemediationStatus};
use unstall_decide::{Action, SlotRequest};

use super::World;
use super::patch::stored;

impl World {
    /// Carries out one action.
    pub(super) fn act(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::CreateHealth(health) => {
                let healths = &mut self.snapshot.healths;
                healths.entry(health.name_any()).or_insert(*health);
            }
            Action::DeleteHealth { node, node_uid } => {
                let healths = &mut self.snapshot.healths;
                healths.retain(|name, health| *name != node || health.spec.node_uid != node_uid);
            }
            Action::SetTriggers {
                node,
                triggers,
                report_interval,
                seen: _,
            } => {
                let health = self.live_health(&node)?;
                health.spec.triggers = triggers;
                health.spec.report_interval = report_interval;
            }
            Action::OpenIncident(incident) => self.open(*incident),
            Action::TakeSlot(request) => self.take(&request)?,
            Action::SendCommand {
                node,
                remediation,
                payload,
            } => self.send(&node, &remediation, &payload)?,
            Action::ClearCommand { node, seen: _ } => self.live_health(&node)?.spec.command = None,
            Action::SetStatus {
                remediation,
                status,
                seen,
            } => self.write(&remediation, &status, seen.as_deref())?,
            Action::ReleaseSlot { node, remediation } => {
                let slots = &mut self.live_ledger()?.slots;
                slots.retain(|slot| slot.node != node || slot.remediation != remediation);
            }
        }
        Ok(())
    }

    fn live_health(&mut self, node: &str) -> Result<&mut NodeHealth, String> {
        let health = self.snapshot.healths.get_mut(node);
        health.ok_or_else(|| format!("NodeHealth {node} is not there"))
    }

    fn live_ledger(&mut self) -> Result<&mut DisruptionLedgerStatus, String> {
        let ledger = self.snapshot.ledger.as_mut().ok_or("there is no ledger")?;
        Ok(ledger.status.get_or_insert_default())
    }

    fn open(&mut self, mut incident: NodeRemediation) {
        let all = &mut self.snapshot.remediations;
        if all.iter().all(|r| r.name_any() != incident.name_any()) {
            incident.metadata.generation = Some(1);
            self.made += 1;
            incident.metadata.uid = Some(format!("uid{}", self.made));
            all.push(stored(&incident));
            all.sort_by_key(ResourceExt::name_any);
        }
    }

    fn take(&mut self, request: &SlotRequest) -> Result<(), String> {
        let SlotRequest {
            slot,
            history,
            beside,
        } = request;
        let pause = self
            .snapshot
            .ledger
            .as_ref()
            .and_then(|l| l.spec.pause.as_ref());
        if pause.is_some_and(|pause| pause.until > slot.since) {
            return Err("paused meanwhile".to_owned());
        }
        let ledger = self.live_ledger()?;
        if ledger.slots.iter().any(|held| held.node == slot.node) {
            return Err(format!("node {} holds a slot already", slot.node));
        }
        if let Some(held) = ledger.slots.iter().find(|s| !beside.contains(&s.node)) {
            return Err(format!("node {} took a slot meanwhile", held.node));
        }
        ledger.history.retain(|entry| entry.until > slot.since);
        ledger.history.push(stored(history));
        ledger.slots.push(stored(slot));
        Ok(())
    }

    fn send(
        &mut self,
        node: &str,
        remediation: &str,
        payload: &CommandPayload,
    ) -> Result<(), String> {
        let mut slots = self.live_ledger()?.slots.iter();
        if !slots.any(|slot| slot.node == node && slot.remediation == remediation) {
            return Err(format!("{remediation} holds no slot for node {node}"));
        }
        let text = payload.encode().map_err(|error| error.to_string())?;
        let health = self.live_health(node)?;
        let boot = health.status.as_ref().and_then(|s| s.boot_id.as_ref());
        if health.spec.node_uid != payload.node_uid || boot != Some(&payload.expect_boot_id) {
            return Err(format!("node {node} is another one or was rebooted"));
        }
        health.spec.command = Some(SignedCommand::new(text, &[0; SIGNATURE_BYTES]));
        Ok(())
    }

    fn write(
        &mut self,
        name: &str,
        status: &NodeRemediationStatus,
        seen: Option<&str>,
    ) -> Result<(), String> {
        let all = &mut self.snapshot.remediations;
        let live = all.iter_mut().find(|r| r.name_any() == name);
        let live = live.ok_or_else(|| format!("NodeRemediation {name} is not there"))?;
        if live.metadata.resource_version.as_deref() != seen {
            return Err("the incident was written meanwhile".to_owned());
        }
        let version = seen.map_or(1, |seen| seen.parse::<u64>().unwrap() + 1);
        live.metadata.resource_version = Some(version.to_string());
        let ended = live.status.as_ref().and_then(|status| status.outcome);
        if ended.is_some() && ended != status.outcome {
            return Err("an incident ends once".to_owned());
        }
        live.status = Some(stored(status));
        Ok(())
    }
}
