//! Actuators: the product's own judgement of commands and its own journal; what is played
//! is the machine that obeys.

use std::time::Duration;

use node_probe::actuator::limit::Limits;
use node_probe::actuator::outcome::{Ending, Refusal};
use node_probe::actuator::record::{Entry, Moment};
use node_probe::actuator::verify::{Decision, Situation, verify};
use serde_json::json;
use unstall_crds::command::{CommandAction, CommandPayload, SignedCommand};
use unstall_crds::health::{CommandState, RefusalReason};

use super::host::{Cure, Return};
use super::{Host, HostTask, Task, Trouble, World};
use crate::sim::trace::Actor;

/// The chart's.
const LIMITS: Limits = Limits {
    min_interval: Duration::from_mins(1),
    daily_cap: 24,
    max_skew: Duration::from_mins(1),
    max_lifetime: Duration::from_mins(10),
};
/// How long a machine takes to go down once that is ordered.
const GOING_DOWN: Duration = Duration::from_secs(8);
/// When a command is tried again that could not be begun.
const AGAIN: Duration = Duration::from_secs(10);

impl Host {
    fn moment(&self, world_now: Duration, truly: jiff::Timestamp) -> Moment {
        Moment {
            wall: self.clock(truly),
            boot_id: self.boot_id(),
            uptime: world_now.saturating_sub(self.since),
        }
    }

    /// Probe and actuator start: what is not ended has ended, and there are samples
    /// from `measured_at` on.
    pub fn resume(&mut self, now: Duration, truly: jiff::Timestamp, measured_at: Duration) -> bool {
        self.command = serde_json::Value::Null;
        self.told = None;
        self.is_busy = false;
        self.measured_at = measured_at;
        self.proven_at = Some(measured_at);
        let moment = self.moment(now, truly);
        if let Some(entry) = self.record.shutdown_under_way(&moment) {
            // It waits on, as its predecessor did.
            self.command = json!(entry.outcome(false).into_status());
            self.is_busy = true;
            return false;
        }
        self.record.end_unfinished(&moment)
    }
}

impl World {
    /// A command is at hand that the actuator was not asked for yet.
    pub fn actuate(&mut self, name: &str, command: &SignedCommand) {
        let (now, truly) = (self.now, self.wall());
        let Some(host) = self.hosts.get_mut(name).filter(|host| host.is_up) else {
            return;
        };
        let moment = host.moment(now, truly);
        let busy = host.is_busy.then_some("another command is at work");
        let situation = Situation {
            keys: &self.keys,
            node_name: name,
            now: &moment,
            record: &host.record,
            limits: &LIMITS,
            reboots: host.reboots,
            busy,
        };
        let verdict = verify(command, &situation);
        if let Some(epoch) = verdict.genuine_epoch {
            host.record.raise_epoch(epoch);
        }
        match verdict.decision {
            Decision::Obey { payload, key_id } => self.obey(name, &payload, key_id, &moment),
            Decision::Replayed { id } => {
                let entry = host.record.find(&id);
                let status = entry.map(|entry| entry.outcome(true).into_status());
                host.command = json!(status);
            }
            Decision::Refuse(refusal) => self.refuse(name, command, refusal),
        }
    }

    fn refuse(&mut self, name: &str, command: &SignedCommand, refusal: Refusal) {
        let reason = refusal.reason;
        self.seen.refusal(reason);
        if matches!(reason, RefusalReason::Busy | RefusalReason::TooSoon) {
            // It waits for its turn.
            return self.after(AGAIN, Task::Host(name.to_owned(), HostTask::Sees));
        }
        let text = format!("refuses: {}", refusal.message);
        self.trace
            .note(self.now, Actor::Host(name.to_owned()), &text);
        let status = refusal.into_outcome(&command.payload).into_status();
        if let Some(host) = self.hosts.get_mut(name) {
            host.command = json!(status);
        }
    }

    fn obey(&mut self, name: &str, payload: &CommandPayload, key_id: String, moment: &Moment) {
        self.law_deed(name, payload);
        let Some(host) = self.hosts.get_mut(name) else {
            return;
        };
        host.record.pin_node_uid(&payload.node_uid);
        let uptime = u64::try_from(moment.uptime.as_millis()).unwrap_or(u64::MAX);
        let entry = Entry {
            id: payload.id.clone(),
            epoch: payload.epoch,
            action: payload.action,
            key_id,
            boot_id: moment.boot_id.clone(),
            started_at: moment.wall,
            uptime_milliseconds: uptime,
            asked_at: None,
            ending: None,
        };
        host.record.begin(entry.clone(), moment);
        host.command = json!(entry.outcome(false).into_status());
        host.proven_at = None;
        host.is_busy = true;
        let boot = host.boot;
        let text = format!("obeys {}: {}", payload.id, payload.action);
        self.trace
            .note(self.now, Actor::Host(name.to_owned()), &text);
        match payload.action {
            CommandAction::DropCaches => {
                let pause = self.chance.seconds(1, 12);
                let id = payload.id.clone();
                self.after(pause, Task::Host(name.to_owned(), HostTask::Dropped { id }));
                if self.is_cut_short(name) {
                    // Before its end is written down; the kernel drops them all the same.
                    let host = name.to_owned();
                    self.after(pause / 2, Task::Trouble(Trouble::Restarts { host }));
                }
            }
            CommandAction::Reboot if self.is_cut_short(name) => {
                // Between the journal and the reboot: who starts next finds no end.
                let moment = moment.clone();
                if let Some(host) = self.hosts.get_mut(name) {
                    host.is_busy = false;
                    host.record.end_unfinished(&moment);
                    let last = host.record.find(&payload.id);
                    host.command = json!(last.map(|it| it.outcome(false).into_status()));
                }
                self.seen.count("row", "interrupted before the reboot");
            }
            CommandAction::Reboot => {
                if let Some(host) = self.hosts.get_mut(name) {
                    host.record.mark_asked(&entry, moment.wall);
                }
                let task = HostTask::GoesDown { boot };
                self.after(GOING_DOWN, Task::Host(name.to_owned(), task));
            }
        }
    }

    /// Whether the actuator is ended in the middle.
    fn is_cut_short(&mut self, name: &str) -> bool {
        let is_drawn = !self.faults.are_over() && self.chance.happens(60);
        is_drawn
            && self
                .hosts
                .get(name)
                .is_some_and(|host| host.comes_back != Return::Never)
    }

    /// The caches are dropped.
    pub fn caches_dropped(&mut self, name: &str, id: &str) {
        let truly = self.wall();
        let now = self.now;
        let Some(host) = self.hosts.get_mut(name).filter(|host| host.is_up) else {
            return;
        };
        host.is_busy = false;
        host.is_slow &= host.cure != Cure::DropCaches;
        let Some(entry) = host
            .record
            .find(id)
            .filter(|it| it.ending.is_none())
            .cloned()
        else {
            return;
        };
        let ending = Ending {
            state: CommandState::Succeeded,
            message: "played: caches dropped".to_owned(),
            passes: Vec::new(),
            reclaimed: None,
            finished_at: host.clock(truly),
        };
        host.record.end(&entry, ending);
        let ended = host.record.find(id);
        host.command = json!(ended.map(|it| it.outcome(false).into_status()));
        let pause = self.chance.seconds(15, 40);
        if let Some(host) = self.hosts.get_mut(name) {
            host.proven_at = Some(now + pause);
        }
        self.probe_reports(name, None);
        self.after(pause, Task::Host(name.to_owned(), HostTask::Proven));
    }
}
