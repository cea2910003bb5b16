//! Carries out one `reboot`: nobody forbids it, the intent is on the disk, logind is asked, and
//! then the machine goes down or it is said why it does not. That it came back is proven by the
//! boot ID, which the next start of the actuator finds.

use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use unstall_crds::health::{CommandState, RefusalReason};

use super::{Actuator, unusable};
use crate::actuator::expiry::Expiry;
use crate::actuator::keys;
use crate::actuator::limit;
use crate::actuator::logind::{Asked, Inhibitor, Logind, Readiness, inhibitor};
use crate::actuator::outcome::{Ending, Refusal};
use crate::actuator::record::Entry;
use crate::actuator::verify;
use crate::log;
use crate::sample::monotonic;
use crate::text;

/// How `reboot` is done.
#[derive(Debug, Clone)]
pub struct RebootSettings {
    /// Whom to ask.
    pub logind: Logind,
    /// From the intent to the machine's going down; after that it is said that something holds it up.
    pub limit: Duration,
    /// Between two looks at a logind that took it.
    pub poll: Duration,
    /// How long a logind that took it may say that it is not at it. At the very end of a shutdown
    /// its job is done and the machine is still there for a moment.
    pub idle_limit: Duration,
}

impl RebootSettings {
    /// Looks whether logind is there, may reboot, and nobody forbids it.
    ///
    /// # Errors
    /// A refusal that names what is missing or who forbids it.
    pub fn check(&self) -> Result<(), Refusal> {
        let unavailable = |message| Refusal::new(RefusalReason::NotAvailable, message);
        let Readiness {
            inhibitors,
            can_reboot,
        } = self
            .logind
            .readiness()
            .map_err(|error| unavailable(error.to_string()))?;
        if let Some(who) = inhibitor::block(&inhibitors) {
            return Err(Refusal::new(RefusalReason::ShutdownInhibited, who));
        }
        if can_reboot != "yes" {
            return Err(unavailable(format!(
                "logind's CanReboot says {can_reboot:?}, wanted \"yes\"; see that the actuator runs as \
                 user 0 of the host and that no policy of the host takes reboots away from it"
            )));
        }
        Ok(())
    }
}

/// How the actuator came to wait for a shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// logind took the request.
    Taken,
    /// logind was asked and did not answer.
    InDoubt,
    /// Its predecessor's logind took it, on this boot.
    Resumed,
}

impl Actuator {
    /// Why a reboot would be refused as things are now, if it would. `node_uid` is what its
    /// command would carry, where that is known.
    #[must_use]
    pub fn no_reboot(&self, node_uid: Option<&str>) -> Option<String> {
        let Some(settings) = &self.settings.reboot else {
            return Some(verify::REBOOTS_OFF.to_owned());
        };
        let refusal = self.check_own(node_uid).and_then(|()| settings.check());
        refusal.err().map(|refusal| match refusal.reason {
            // These pass by themselves.
            RefusalReason::Busy | RefusalReason::DailyCap => {
                format!("for now, as {}", refusal.message)
            }
            _ => refusal.message,
        })
    }

    /// What this process itself has against any reboot. That it would be too soon is left out: a
    /// command waits for that.
    fn check_own(&self, node_uid: Option<&str>) -> Result<(), Refusal> {
        verify::check_keys(&keys::read_keys(&self.settings.keys_dir))?;
        let mut work = self.lock();
        let (_, now) = self.host_now()?;
        let record = self.journal.load().map_err(unusable)?;
        self.journal.check_writable(&record).map_err(unusable)?;
        if let Some(uid) = node_uid {
            verify::check_node_uid(&record, uid)?;
        }
        if let Some(busy) = self.busy(&mut work) {
            return Err(Refusal::new(RefusalReason::Busy, busy));
        }
        limit::check_cap(record.commands(), &now, &self.settings.limits)
    }

    /// Asks logind and waits. `None` when told to stop meanwhile: whoever starts next finds out
    /// what became of it.
    pub(super) fn reboot(&self, entry: &Entry, expiry: Expiry) -> Option<Ending> {
        let settings = self.settings.reboot.as_ref()?;
        let asked = settings
            .logind
            .reboot(|inhibitors| self.veto(inhibitors, expiry));
        match asked {
            Asked::Taken => {
                self.write_asked(entry);
                self.await_shutdown(entry, Wait::Taken)
            }
            Asked::Unanswered(error) => {
                log::warn("reboot in doubt", &[("id", &entry.id), ("error", &error)]);
                self.await_shutdown(entry, Wait::InDoubt)
            }
            Asked::Withheld(reason) if self.is_stopping() => Some(ended(
                CommandState::Interrupted,
                format!("{reason}; logind was not asked"),
            )),
            Asked::Withheld(reason) => Some(ended(
                CommandState::Failed,
                format!("{reason}; logind was not asked"),
            )),
            Asked::Failed(error) => {
                Some(ended(CommandState::Failed, format!("no reboot: {error}")))
            }
        }
    }

    /// The last look before logind is asked: time has passed since the command was verified.
    fn veto(&self, inhibitors: &[Inhibitor], expiry: Expiry) -> Option<String> {
        if self.is_stopping() {
            return Some("the actuator was told to stop".to_owned());
        }
        if expiry.time_left().is_zero() {
            return Some("the command expired meanwhile".to_owned());
        }
        inhibitor::block(inhibitors)
    }

    /// Waits for the end of the machine, which ends this process too. A bus that is gone is what a
    /// shutdown looks like from here.
    pub(super) fn await_shutdown(&self, entry: &Entry, wait: Wait) -> Option<Ending> {
        let settings = self.settings.reboot.as_ref()?;
        let begun = Duration::from_millis(entry.uptime_milliseconds);
        let mut is_recorded = wait != Wait::InDoubt;
        let mut idle: Option<Instant> = None;
        let mut is_said = false;
        loop {
            let answer = settings.logind.is_preparing_for_shutdown();
            let says = match &answer {
                Ok(true) => "logind says that it is shutting down".to_owned(),
                Ok(false) => "logind says that it is not shutting down".to_owned(),
                Err(error) => format!("what logind does is not known: {error}"),
            };
            match answer {
                Ok(true) if !is_recorded => {
                    self.write_asked(entry);
                    is_recorded = true;
                    idle = None;
                }
                Ok(false) => {
                    let since = *idle.get_or_insert_with(Instant::now);
                    if wait == Wait::Resumed || since.elapsed() >= settings.idle_limit {
                        return Some(given_up(wait));
                    }
                }
                Ok(true) | Err(_) => idle = None,
            }
            // Nothing cancels a shutdown: whoever took the node back now would lose it later.
            let waited = monotonic().since_boot().saturating_sub(begun);
            if waited >= settings.limit && !is_said {
                let after = text::duration(waited);
                let hint = "see on the node what holds the shutdown up (systemctl list-jobs)";
                log::warn(
                    "the machine is still there",
                    &[
                        ("id", &entry.id),
                        ("after", &after),
                        ("logind", &says),
                        ("hint", &hint),
                    ],
                );
                is_said = true;
            }
            if self.stops_within(settings.poll) {
                return None;
            }
        }
    }

    /// Says in the journal that logind took it. Without that, a restart on this boot takes the
    /// command for interrupted; a new boot proves it either way.
    fn write_asked(&self, entry: &Entry) {
        log::info("logind took the reboot", &[("id", &entry.id)]);
        let _work = self.lock();
        let written = self.journal.load().and_then(|mut record| {
            record.mark_asked(entry, Timestamp::now());
            self.journal.save(&record)
        });
        if let Err(error) = written {
            log::warn(
                "logind's answer not recorded",
                &[("id", &entry.id), ("error", &error)],
            );
        }
    }

    /// Waits for `span`, or until told to stop, which it says.
    fn stops_within(&self, span: Duration) -> bool {
        const SLICE: Duration = Duration::from_millis(50);
        let started = Instant::now();
        while !self.is_stopping() && started.elapsed() < span {
            thread::sleep(SLICE.min(span));
        }
        self.is_stopping()
    }
}

fn given_up(wait: Wait) -> Ending {
    match wait {
        Wait::Taken => ended(
            CommandState::Failed,
            "logind took the reboot and is not shutting down any more: somebody cancelled it"
                .to_owned(),
        ),
        Wait::InDoubt => ended(
            CommandState::Failed,
            "logind did not answer the request and is not shutting down".to_owned(),
        ),
        Wait::Resumed => ended(
            CommandState::Interrupted,
            "the actuator restarted after logind took the reboot, and logind is not shutting down: \
             it is not repeated"
                .to_owned(),
        ),
    }
}

fn ended(state: CommandState, message: String) -> Ending {
    Ending {
        state,
        message,
        passes: Vec::new(),
        reclaimed: None,
        finished_at: Timestamp::now(),
    }
}

#[cfg(test)]
mod tests;
