//! Plans change the world, with the checks that the controller's `act` makes on
//! live objects.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use unstall_crds::command::{CommandPayload, SIGNATURE_BYTES, SignedCommand};
use unstall_crds::health::NodeHealth;
use unstall_crds::remediation::{NodeRemediation, NodeRemediationStatus, PolicySnapshot};
use unstall_decide::Action;

use super::World;
use super::patch::stored;

impl World {
    /// Carries out one action.
    pub(super) fn act(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::CreateHealth(health) => {
                let healths = &mut self.snapshot.healths;
                healths
                    .entry(health.name_any())
                    .or_insert(Arc::new(*health));
            }
            Action::DeleteHealth { node, node_uid } => {
                let healths = &mut self.snapshot.healths;
                healths.retain(|name, health| *name != node || health.spec.node_uid != node_uid);
            }
            Action::SetTriggers {
                node,
                triggers,
                report_interval,
                clear_command,
                seen: _,
            } => {
                let health = self.live_health(&node)?;
                health.spec.triggers = triggers;
                health.spec.report_interval = report_interval;
                if clear_command {
                    health.spec.command = None;
                }
            }
            Action::OpenIncident(incident) => self.open(*incident),
            Action::Adopt {
                remediation,
                policy,
                seen,
            } => self.adopt(&remediation, *policy, seen.as_deref())?,
            Action::TakeSlot(request) => self.take(&request)?,
            Action::SendCommand {
                node,
                remediation,
                payload,
                report_interval,
            } => {
                self.send(&node, &remediation, &payload)?;
                self.live_health(&node)?.spec.report_interval = report_interval;
            }
            Action::ClearCommand { node, seen: _ } => self.live_health(&node)?.spec.command = None,
            Action::SetStatus {
                remediation,
                status,
                seen,
            } => self.write(&remediation, &status, seen.as_deref())?,
            Action::ReleaseSlot(release) => self.release(&release)?,
            Action::MarkNode {
                node,
                node_uid,
                marks,
                absent,
                seen,
            } => self.mark(
                &node,
                (&node_uid, seen.as_deref()),
                &marks,
                absent.as_deref(),
            )?,
            Action::SetConditions { node, set, remove } => {
                self.set_conditions(&node, set, &remove)?;
            }
            action => self.act_on_others(action)?,
        }
        Ok(())
    }

    /// The same, of what is done to pods and other remediators, and what is tidied.
    fn act_on_others(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::Evict(order) => self.send_away(&order, true)?,
            Action::DeletePod(order) => self.send_away(&order, false)?,
            Action::HandOver { remediation, .. } if self.templates => {
                self.others.insert(remediation);
            }
            Action::HandOver { template, .. } => {
                return Err(format!("there is no {} {}", template.kind, template.name));
            }
            Action::TakeBack { remediation, .. } => {
                self.others.remove(&remediation);
            }
            Action::TidyLedger {
                released,
                approved,
                seen,
            } => self.tidy(&released, &approved, seen.as_deref())?,
            Action::Forget { remediation, uid } => {
                let all = &mut self.snapshot.remediations;
                all.retain(|it| {
                    it.name_any() != remediation || it.uid().unwrap_or_default() != uid
                });
            }
            other => unreachable!("{other:?}"),
        }
        Ok(())
    }

    fn live_health(&mut self, node: &str) -> Result<&mut NodeHealth, String> {
        let health = self.snapshot.healths.get_mut(node).map(Arc::make_mut);
        health.ok_or_else(|| format!("NodeHealth {node} is not there"))
    }

    fn open(&mut self, mut incident: NodeRemediation) {
        let all = &mut self.snapshot.remediations;
        if all.iter().all(|r| r.name_any() != incident.name_any()) {
            incident.metadata.generation = Some(1);
            incident.metadata.creation_timestamp = Some(Time(self.snapshot.now));
            self.made += 1;
            incident.metadata.uid = Some(format!("uid{}", self.made));
            all.push(Arc::new(stored(&incident)));
            all.sort_by_key(|it| it.name_any());
        }
    }

    fn adopt(
        &mut self,
        name: &str,
        policy: PolicySnapshot,
        seen: Option<&str>,
    ) -> Result<(), String> {
        let live = self.live_incident(name, seen)?;
        live.metadata.generation = Some(live.metadata.generation.unwrap_or(1) + 1);
        if live.spec.policy.is_some() {
            return Err("an incident keeps its policy".to_owned());
        }
        live.spec.policy = Some(stored(&policy));
        Ok(())
    }

    /// The incident, if nobody wrote to it since `seen`; its next version.
    fn live_incident(
        &mut self,
        name: &str,
        seen: Option<&str>,
    ) -> Result<&mut NodeRemediation, String> {
        let all = &mut self.snapshot.remediations;
        let live = all.iter_mut().find(|r| r.name_any() == name);
        let live = live.ok_or_else(|| format!("NodeRemediation {name} is not there"))?;
        let live = Arc::make_mut(live);
        if live.metadata.resource_version.as_deref() != seen {
            return Err("the incident was written meanwhile".to_owned());
        }
        live.metadata.resource_version = Some(next_version(seen));
        Ok(live)
    }

    fn send(
        &mut self,
        node: &str,
        remediation: &str,
        payload: &CommandPayload,
    ) -> Result<(), String> {
        self.hold_slot(node, remediation)?;
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
        let live = self.live_incident(name, seen)?;
        let ended = live.status.as_ref().and_then(|status| status.outcome);
        if ended.is_some() && ended != status.outcome {
            return Err("an incident ends once".to_owned());
        }
        live.status = Some(stored(status));
        Ok(())
    }
}

/// The version after `version`.
pub fn next_version(version: Option<&str>) -> String {
    let version = version.map_or(0, |version| version.parse::<u64>().unwrap());
    (version + 1).to_string()
}
