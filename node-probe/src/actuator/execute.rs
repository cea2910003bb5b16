//! From a signed command to its outcome: verify, write the intent down, act, write the end down.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use jiff::Timestamp;
use nix::unistd::Pid;
use unstall_crds::command::{CommandAction, CommandPayload, SignedCommand};
use unstall_crds::health::{CommandState, RefusalReason};

use super::child;
use super::drop_caches::{self, DropOrder, DropSettings};
use super::expiry::Expiry;
use super::journal::{JournalError, JournalFile};
use super::keys;
use super::limit::Limits;
use super::outcome::{CommandOutcome, Ending, Refusal};
use super::passes::Ladder;
use super::record::{Entry, Moment, Record};
use super::verify::{self, Decision, Situation};
use crate::log;
use crate::sample::{Buffer, Host, Roots, monotonic};

mod reboot;

pub use reboot::RebootSettings;
use reboot::Wait;

/// What the actuator is told at its start.
#[derive(Debug)]
pub struct Settings {
    /// This node's name.
    pub node_name: String,
    /// The directory of `*.pub` files.
    pub keys_dir: PathBuf,
    /// Where this process's own kernel files are.
    pub roots: Roots,
    /// The limits that no command can lift.
    pub limits: Limits,
    /// How `dropCaches` is done.
    pub drop: DropSettings,
    /// How `reboot` is done; absent where reboots are not enabled.
    pub reboot: Option<RebootSettings>,
}

/// The one that acts. Shared by the socket's thread and the one that carries a command out.
#[derive(Debug)]
pub struct Actuator {
    settings: Settings,
    journal: JournalFile,
    /// Also guards the journal: both threads write it.
    work: Mutex<Work>,
    stop: AtomicBool,
}

#[derive(Debug, Default)]
struct Work {
    /// The id of the command being carried out.
    running: Option<String>,
    /// Whether the actuator stops with it under way: whoever starts next finds out what became
    /// of it.
    is_left: bool,
    /// Killed children that were still in the kernel when last seen.
    stuck: Vec<Pid>,
}

/// What a command led to.
enum Step {
    /// The intent is on the disk: carry it out.
    Begin(Entry, Task),
    /// The journal knows it.
    Known(CommandOutcome),
}

/// What there is to carry out.
enum Task {
    /// Drop the caches.
    Drop(DropOrder),
    /// Ask for a reboot, before the command is void.
    Reboot {
        /// From when on it is.
        expiry: Expiry,
    },
    /// Wait for one that a predecessor asked for.
    AwaitShutdown,
}

impl Actuator {
    /// An actuator that holds `journal`.
    #[must_use]
    pub fn new(settings: Settings, journal: JournalFile) -> Self {
        Self {
            settings,
            journal,
            work: Mutex::default(),
            stop: AtomicBool::new(false),
        }
    }

    /// Obeys or refuses `command`. Returns as soon as that is decided and on the disk.
    pub fn execute(self: &Arc<Self>, command: &SignedCommand) -> CommandOutcome {
        let mut work = self.lock();
        match self.begin(command, &mut work) {
            Ok(Step::Begin(entry, task)) => {
                log::info(
                    "command accepted",
                    &[("id", &entry.id), ("key", &entry.key_id)],
                );
                self.start(entry, task, &mut work)
            }
            Ok(Step::Known(outcome)) => outcome,
            Err(refusal) => {
                let reason = refusal.reason;
                let outcome = refusal.into_outcome(&command.payload);
                log::warn(
                    "command refused",
                    &[
                        ("id", &outcome.id),
                        ("reason", &reason),
                        ("message", &outcome.message),
                    ],
                );
                outcome
            }
        }
    }

    /// Where the command `id` stands; `None` if it was never begun.
    ///
    /// # Errors
    /// When the journal cannot be used.
    pub fn status(&self, id: &str) -> Result<Option<CommandOutcome>, JournalError> {
        let work = self.lock();
        let mut record = self.journal.load()?;
        if work.running.is_none()
            && let Ok((_, now)) = self.host_now()
            && record.end_unfinished(&now)
        {
            self.journal.save(&record)?;
        }
        Ok(record.find(id).map(|entry| entry.outcome(false)))
    }

    /// Ends what a predecessor left behind: a reboot by the boot ID, everything else as
    /// `Interrupted`. A shutdown that is still under way is waited for.
    ///
    /// # Errors
    /// A sentence, when that cannot be done; commands will be refused until it can.
    pub fn recover(self: &Arc<Self>) -> Result<(), String> {
        let mut work = self.lock();
        let (_, now) = self.host_now().map_err(|refusal| refusal.message)?;
        let mut record = self.journal.load().map_err(|error| error.to_string())?;
        // One that was killed between logind's answer and the journal left no word of it.
        let unsaid = record.reboot_in_doubt(&now).cloned();
        if let (Some(entry), Some(settings)) = (unsaid, &self.settings.reboot)
            && matches!(settings.logind.is_preparing_for_shutdown(), Ok(true))
        {
            record.mark_asked(&entry, now.wall);
            self.journal
                .save(&record)
                .map_err(|error| error.to_string())?;
        }
        match record.shutdown_under_way(&now) {
            Some(entry) if self.settings.reboot.is_some() => {
                log::info("shutdown is under way still", &[("id", &entry.id)]);
                self.start(entry.clone(), Task::AwaitShutdown, &mut work);
                Ok(())
            }
            _ => self.load(&now).map(drop).map_err(|error| error.to_string()),
        }
    }

    /// Tells the command being carried out to end. Later ones are refused.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether nothing is being carried out, or nothing that this process waits for.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let work = self.lock();
        work.running.is_none() || work.is_left
    }

    fn begin(&self, command: &SignedCommand, work: &mut Work) -> Result<Step, Refusal> {
        let (kernel, now) = self.host_now()?;
        let mut record = match &work.running {
            Some(_) => self.journal.load(),
            None => self.load(&now),
        }
        .map_err(unusable)?;
        let key_set = keys::read_keys(&self.settings.keys_dir);
        let busy = self.busy(work);
        let verdict = verify::verify(
            command,
            &Situation {
                keys: &key_set,
                node_name: &self.settings.node_name,
                now: &now,
                record: &record,
                limits: &self.settings.limits,
                reboots: self.settings.reboot.is_some(),
                busy: busy.as_deref(),
            },
        );
        let rises = verdict
            .genuine_epoch
            .is_some_and(|epoch| record.raise_epoch(epoch));
        match verdict.decision {
            Decision::Obey { payload, key_id } => {
                let task = match self.task(&payload, &kernel) {
                    Ok(task) => task,
                    Err(refusal) => {
                        self.save_if(rises, &record)?;
                        return Err(refusal);
                    }
                };
                let entry = intent(&payload, key_id, &now);
                record.pin_node_uid(&payload.node_uid);
                record.begin(entry.clone(), &now);
                self.journal.save(&record).map_err(unusable)?;
                Ok(Step::Begin(entry, task))
            }
            Decision::Replayed { id } => {
                self.save_if(rises, &record)?;
                let known = record.find(&id).map(|entry| entry.outcome(true));
                known.map(Step::Known).ok_or_else(|| unknown(&id))
            }
            Decision::Refuse(refusal) => {
                self.save_if(rises, &record)?;
                Err(refusal)
            }
        }
    }

    /// What `payload` orders, unless the host has something against it.
    fn task(&self, payload: &CommandPayload, kernel: &str) -> Result<Task, Refusal> {
        match (payload.action, &self.settings.reboot) {
            (CommandAction::Reboot, None) => Err(Refusal::new(
                RefusalReason::NotAvailable,
                verify::REBOOTS_OFF,
            )),
            (CommandAction::Reboot, Some(settings)) => {
                settings.check()?;
                Ok(Task::Reboot {
                    expiry: Expiry::new(payload.expires_at.0),
                })
            }
            (CommandAction::DropCaches, _) => Ok(Task::Drop(DropOrder {
                ladder: Ladder::new(payload.level.unwrap_or_default(), kernel),
                expiry: Expiry::new(payload.expires_at.0),
            })),
        }
    }

    fn save_if(&self, changed: bool, record: &Record) -> Result<(), Refusal> {
        if changed {
            self.journal.save(record).map_err(unusable)
        } else {
            Ok(())
        }
    }

    /// Carries the command out on a thread of its own.
    fn start(self: &Arc<Self>, entry: Entry, task: Task, work: &mut Work) -> CommandOutcome {
        let (actuator, begun) = (Arc::clone(self), entry.clone());
        match thread::Builder::new().spawn(move || actuator.carry_out(&begun, &task)) {
            Ok(_) => {
                work.running = Some(entry.id.clone());
                entry.outcome(false)
            }
            Err(error) => {
                let ending = Ending {
                    state: CommandState::Failed,
                    message: format!("starting a thread: {error}; nothing was done"),
                    passes: Vec::new(),
                    reclaimed: None,
                    finished_at: Timestamp::now(),
                };
                self.write_end(&entry, ending.clone());
                Entry {
                    ending: Some(ending),
                    ..entry
                }
                .outcome(false)
            }
        }
    }

    fn carry_out(&self, entry: &Entry, task: &Task) {
        let mut stuck = Vec::new();
        let ending = match task {
            Task::Drop(order) => {
                let done = drop_caches::perform(&self.settings.drop, order, &self.stop);
                stuck = done.stuck;
                Some(Ending {
                    state: done.state,
                    message: done.message,
                    passes: done.passes,
                    reclaimed: done.reclaimed,
                    finished_at: Timestamp::now(),
                })
            }
            Task::Reboot { expiry } => self.reboot(entry, *expiry),
            Task::AwaitShutdown => self.await_shutdown(entry, Wait::Resumed),
        };
        let mut work = self.lock();
        work.stuck.extend(stuck);
        let Some(ending) = ending else {
            work.is_left = true;
            return;
        };
        log::info(
            "command ended",
            &[
                ("id", &entry.id),
                ("state", &ending.state),
                ("message", &ending.message),
            ],
        );
        self.write_end(entry, ending);
        work.running = None;
    }

    /// Where the end cannot be written, the intent stays and is `Interrupted` at the next look:
    /// the limits still count it.
    fn write_end(&self, entry: &Entry, ending: Ending) {
        let written = self.journal.load().and_then(|mut record| {
            record.end(entry, ending);
            self.journal.save(&record)
        });
        if let Err(error) = written {
            log::warn(
                "outcome not recorded",
                &[("id", &entry.id), ("error", &error)],
            );
        }
    }

    /// The journal, in which nothing is unfinished: to be called while nothing runs.
    fn load(&self, now: &Moment) -> Result<Record, JournalError> {
        let mut record = self.journal.load()?;
        if record.end_unfinished(now) {
            self.journal.save(&record)?;
        }
        Ok(record)
    }

    /// What keeps a new command from being begun, if anything.
    fn busy(&self, work: &mut Work) -> Option<String> {
        work.stuck.retain(|pid| !child::has_gone(*pid));
        if self.is_stopping() {
            return Some("the actuator is stopping".to_owned());
        }
        if let Some(id) = &work.running {
            return Some(format!("command {id:?} is being carried out"));
        }
        let pid = work.stuck.first()?;
        Some(format!(
            "the killed child {pid} of an earlier command is still in the kernel"
        ))
    }

    /// The kernel's release, and now on this boot.
    fn host_now(&self) -> Result<(String, Moment), Refusal> {
        let host = Host::discover(&self.settings.roots, &mut Buffer::default());
        let boot_id = host.boot_id.map_err(|error| {
            Refusal::new(
                RefusalReason::NotAvailable,
                format!("this boot's ID: {error}"),
            )
        })?;
        let uptime = monotonic().since_boot();
        let moment = Moment {
            wall: Timestamp::now(),
            boot_id,
            uptime,
        };
        // An unreadable release is one whose level order is not known.
        Ok((host.kernel_release.unwrap_or_default(), moment))
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        // Each change under the lock is one assignment: a panic elsewhere leaves no half of it.
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn intent(payload: &CommandPayload, key_id: String, now: &Moment) -> Entry {
    Entry {
        id: payload.id.clone(),
        epoch: payload.epoch,
        action: payload.action,
        key_id,
        boot_id: now.boot_id.clone(),
        started_at: now.wall,
        uptime_milliseconds: u64::try_from(now.uptime.as_millis()).unwrap_or(u64::MAX),
        asked_at: None,
        ending: None,
    }
}

fn unusable(error: JournalError) -> Refusal {
    Refusal::new(RefusalReason::JournalUnavailable, error.to_string())
}

fn unknown(id: &str) -> Refusal {
    Refusal::new(
        RefusalReason::JournalUnavailable,
        format!("the journal has lost command {id:?}"),
    )
}
