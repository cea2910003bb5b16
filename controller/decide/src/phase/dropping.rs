//! The command to the actuator, and its answer.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use unstall_crds::command::{CommandAction, CommandPayload};
use unstall_crds::condition::BlockedReason;
use unstall_crds::health::CommandState;
use unstall_crds::policy::Remedy;
use unstall_crds::remediation::{Outcome, Phase, RungResult};

use super::pending::ANSWER_MARGIN;
use super::step::{Step, add, drop_caches};
use crate::{Action, judge, record};

/// How long a proof may take after the remedy has settled. At 1 % duty ten
/// reads of 1 s take 17 minutes.
const PROOF_LIMIT: SignedDuration = SignedDuration::from_mins(30);

/// How long a command is valid at most: what was not delivered by then is not
/// wanted any more, and what was begun ends with it.
const VALIDITY: SignedDuration = SignedDuration::from_mins(2);

impl Step<'_> {
    pub(super) fn dropping(&mut self) {
        let now = self.snapshot.now;
        let Some((remedy, id)) = self.at_work() else {
            let text = "the record of the remedy at work is gone";
            return record::end(&mut self.status, Outcome::Failed, now, text);
        };
        let deadline = self
            .status
            .phase_deadline
            .as_ref()
            .map_or(now, |time| time.0);
        let Some(answer) = self.answer(&id) else {
            if self.slot().is_none() {
                if self.is_in_history() || now > deadline {
                    self.slot_lost();
                }
                return;
            }
            if now > deadline {
                let text = match (self.ordered().as_ref() == Some(&id), self.boot_id()) {
                    (true, _) => "the actuator did not answer in time",
                    (false, Some(_)) => "no command could be given in time",
                    (false, None) => {
                        "no command could be given: the node's probe does not tell its boot ID"
                    }
                };
                return self.next_rung(RungResult::Failed, text);
            }
            return self.order(&remedy, &id, deadline);
        };
        let said = answer
            .message
            .clone()
            .unwrap_or_else(|| answer.state.to_string());
        match answer.state {
            CommandState::Accepted if now <= deadline => {}
            CommandState::Accepted => {
                self.next_rung(
                    RungResult::Failed,
                    "the actuator accepted it and did not finish in time",
                );
            }
            CommandState::Succeeded => {
                let settle = judge::signed(remedy.settle.get());
                let text = format!("{said}; measuring again");
                let limit = add(now, settle + PROOF_LIMIT);
                record::enter(&mut self.status, Phase::Verifying, now, Some(limit), &text);
            }
            CommandState::Refused => {
                let reason = answer
                    .reason
                    .map_or_else(String::new, |reason| format!("{reason}: "));
                self.next_rung(
                    RungResult::Refused,
                    &format!("the actuator refused ({reason}{said})"),
                );
            }
            CommandState::Failed | CommandState::Interrupted => {
                self.next_rung(RungResult::Failed, &format!("{}: {said}", answer.state));
            }
        }
    }

    fn slot_lost(&mut self) {
        let now = self.snapshot.now;
        let text = "its slot is not in the ledger any more: no command is given without one";
        record::end(&mut self.status, Outcome::Aborted, now, text);
        let blocker = vec![(BlockedReason::SlotLost, text.to_owned())];
        record::set_blockers(&mut self.status, blocker, now);
    }

    /// The id of the command that the node's `NodeHealth` holds.
    fn ordered(&self) -> Option<String> {
        let command = self.health()?.spec.command.as_ref()?;
        let payload = CommandPayload::parse(&command.payload).ok()?;
        Some(payload.id)
    }

    fn boot_id(&self) -> Option<String> {
        self.health()?.status.as_ref()?.boot_id.clone()
    }

    fn order(&mut self, remedy: &Remedy, id: &str, deadline: Timestamp) {
        if self.ordered().as_deref() == Some(id) {
            return;
        }
        let Some(boot_id) = self.boot_id() else {
            return;
        };
        let issued_at = judge::whole_seconds(self.snapshot.now);
        // The remedy's timeout is what the actuator has; the margin is for its answer.
        let timeout = add(deadline, -ANSWER_MARGIN);
        let expires_at = judge::whole_seconds(timeout.min(add(self.snapshot.now, VALIDITY)));
        if expires_at <= issued_at {
            // Too late: an order that is void when it is given is none.
            return;
        }
        if let Some(rung) = self.status.rungs.last_mut() {
            // Another leader may have begun it.
            rung.epoch = Some(self.snapshot.epoch);
        }
        let payload = CommandPayload {
            id: id.to_owned(),
            epoch: self.snapshot.epoch,
            action: CommandAction::DropCaches,
            level: Some(drop_caches(remedy).level),
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
        });
    }
}
