//! An order to the node's actuator.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use unstall_crds::command::{CommandAction, CommandPayload, DropLevel};
use unstall_crds::remediation::Phase;

use super::step::Step;
use crate::judge::{add, whole_seconds};
use crate::{Action, health, judge};

/// How long a command is valid at most: what was not delivered by then is not
/// wanted any more, and what was begun ends with it.
const VALIDITY: SignedDuration = SignedDuration::from_mins(2);

impl Step<'_, '_> {
    /// The id of the command that the node's `NodeHealth` holds.
    pub(super) fn ordered(&self) -> Option<String> {
        Some(self.standing()?.id)
    }

    /// From when until when the command `id`, which the node's `NodeHealth` holds, is valid.
    pub(super) fn validity(&self, id: &str) -> Option<(Timestamp, Timestamp)> {
        let payload = self.standing().filter(|it| it.id == id)?;
        Some((payload.issued_at.0, payload.expires_at.0))
    }

    /// Takes an order to reboot back that nobody answered, before the record says that the
    /// node is not to be rebooted any more: pods come back to it then.
    pub(super) fn take_back_order(&mut self, before: Phase) {
        let goes_on = matches!(self.status.phase, Phase::Rebooting | Phase::Proving);
        if before != Phase::Rebooting || goes_on {
            return;
        }
        let Some(health) = self.health() else {
            return;
        };
        let is_unanswered =
            |it: &CommandPayload| it.node_uid == self.node.uid && self.answer(&it.id).is_none();
        // One that no watch has told of yet may stand all the same: the version that is
        // named here makes the API server refuse until it has.
        let rung = self.status.rungs.last();
        let id = rung
            .filter(|it| it.epoch.is_some())
            .and_then(|it| it.command_id.as_ref());
        let may_stand = id.is_some_and(|id| self.answer(id).is_none()) && self.standing().is_none();
        if may_stand || self.standing().is_some_and(|it| is_unanswered(&it)) {
            let clear = Action::ClearCommand {
                node: self.node.name.clone(),
                seen: health.resource_version(),
            };
            self.actions.insert(0, clear);
        }
    }

    fn standing(&self) -> Option<CommandPayload> {
        let command = self.health()?.spec.command.as_ref()?;
        CommandPayload::parse(&command.payload).ok()
    }

    /// Orders `action` under `id`, unless that stands already. Void after
    /// `deadline`, or sooner.
    pub(super) fn order(
        &mut self,
        action: CommandAction,
        level: Option<DropLevel>,
        id: &str,
        deadline: Timestamp,
    ) {
        if self.ordered().as_deref() == Some(id) {
            return;
        }
        // The actuator compares with its own: the probe, which is beside it, must
        // have told the boot itself.
        let of_probe = self
            .health()
            .and_then(|it| it.status.as_ref()?.boot_id.clone());
        let boot = judge::boot(self.view.snapshot, self.node);
        let Some(boot_id) = of_probe.filter(|id| boot == Some(id)) else {
            return;
        };
        let issued_at = whole_seconds(self.now());
        let expires_at = whole_seconds(deadline.min(add(self.now(), VALIDITY)));
        if expires_at <= issued_at {
            // Too late: an order that is void when it is given is none.
            return;
        }
        let epoch = self.view.snapshot.epoch;
        if let Some(rung) = self.status.rungs.last_mut() {
            // Another leader may have begun it.
            rung.epoch = Some(epoch);
        }
        let payload = CommandPayload {
            id: id.to_owned(),
            epoch,
            action,
            level,
            node_name: self.node.name.clone(),
            node_uid: self.node.uid.clone(),
            expect_boot_id: boot_id,
            issued_at: Time(issued_at),
            expires_at: Time(expires_at),
        };
        self.actions.push(Action::SendCommand {
            node: self.node.name.clone(),
            remediation: self.name.clone(),
            payload,
            report_interval: health::quick(),
        });
    }
}
