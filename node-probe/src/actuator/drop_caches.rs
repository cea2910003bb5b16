//! Carries out one `dropCaches`: reclaim gently where that is possible; then sync, drop, wait until
//! the count settles, and again while it falls. Every step has a time limit and runs in a child that
//! can be killed.

use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::Pid;
use unstall_crds::health::CommandState;

use super::child::{self, End, Job};
use super::counts;
use super::expiry::Expiry;
use super::outcome::Pass;
use super::passes::{Caches, CgroupCount, Ladder};
use super::reclaim::{ReclaimSettings, Reclaimed};
use crate::text;

/// Where to write and how long each step may take.
#[derive(Debug, Clone)]
pub struct DropSettings {
    /// `/proc/sys/vm/drop_caches`, where it is mounted.
    pub file: PathBuf,
    /// This process's `/proc`.
    pub proc_root: PathBuf,
    /// For one sync of all file systems; after it the clean pages are dropped alone.
    pub sync_limit: Duration,
    /// For the count to come to rest after a drop: dead cgroups are freed in the background
    /// (measured: 0.5 to 2 s for 50,000).
    pub settle_limit: Duration,
    /// Between two looks at the count; it rests when two in a row show no fall.
    pub settle_poll: Duration,
    /// For the whole command: no pass is begun after it, and a write is killed at it.
    pub total_limit: Duration,
    /// `memory.reclaim`, where it is mounted.
    pub reclaim: Option<ReclaimSettings>,
}

/// What one command asks for.
#[derive(Debug, Clone)]
pub struct DropOrder {
    /// The levels.
    pub ladder: Ladder,
    /// When the command is void, as [`DropSettings::total_limit`].
    pub expiry: Expiry,
}

/// What was done.
#[derive(Debug)]
pub struct Performed {
    /// `Succeeded`, `Failed` or `Interrupted`.
    pub state: CommandState,
    /// One sentence with the numbers.
    pub message: String,
    /// Each pass that was completed.
    pub passes: Vec<Pass>,
    /// What was reclaimed before the first.
    pub reclaimed: Option<Reclaimed>,
    /// Killed children that had not left the kernel.
    pub stuck: Vec<Pid>,
}

/// Carries out `order`, until `stop` is set at the latest.
#[must_use]
pub fn perform(settings: &DropSettings, order: &DropOrder, stop: &AtomicBool) -> Performed {
    let mut run = Run {
        settings,
        stop,
        started: Instant::now(),
        expiry: order.expiry,
        passes: Vec::new(),
        reclaimed: None,
        not_reclaimed: None,
        stuck: Vec::new(),
        sync_again: true,
    };
    let end = run.gentlest_first(&order.ladder);
    let (state, message) = match end {
        Ok(()) => (CommandState::Succeeded, run.summary()),
        Err(trouble) => (trouble.state(), run.with_passes(&trouble)),
    };
    Performed {
        state,
        message,
        passes: run.passes,
        reclaimed: run.reclaimed,
        stuck: run.stuck,
    }
}

/// Why a command ended before its last pass.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("{0}")]
    Failed(String),
    #[error("the command expired, or its time was over, before a cache could be dropped")]
    NoTime,
    #[error("writing {level:?} to {} did not return within {} and was killed", file.display(), text::duration(*limit))]
    TimedOut {
        level: Caches,
        file: PathBuf,
        limit: Duration,
    },
    #[error("the actuator was told to stop")]
    Stopped,
}

impl Trouble {
    fn state(&self) -> CommandState {
        match self {
            Self::Stopped => CommandState::Interrupted,
            Self::Failed(_) | Self::NoTime | Self::TimedOut { .. } => CommandState::Failed,
        }
    }
}

pub(super) struct Run<'a> {
    pub(super) settings: &'a DropSettings,
    pub(super) stop: &'a AtomicBool,
    started: Instant,
    expiry: Expiry,
    passes: Vec<Pass>,
    pub(super) reclaimed: Option<Reclaimed>,
    /// What hindered it, where it is mounted.
    pub(super) not_reclaimed: Option<String>,
    pub(super) stuck: Vec<Pid>,
    sync_again: bool,
}

impl Run<'_> {
    fn gentlest_first(&mut self, ladder: &Ladder) -> Result<(), Trouble> {
        if ladder.begins_gently() {
            self.reclaim()?;
        }
        if self.reclaimed.as_ref().is_some_and(Reclaimed::is_enough) {
            return Ok(());
        }
        self.all_passes(ladder)
    }

    fn all_passes(&mut self, ladder: &Ladder) -> Result<(), Trouble> {
        while let Some(level) = ladder.next(self.passes.len(), self.has_helped()) {
            let Some(pass) = self.pass(level)? else { break };
            self.passes.push(pass);
        }
        match self.passes.is_empty() {
            true => Err(Trouble::NoTime),
            false => Ok(()),
        }
    }

    /// One pass; `None` if there is no time to begin it.
    fn pass(&mut self, level: Caches) -> Result<Option<Pass>, Trouble> {
        if self.time_left().is_zero() {
            return Ok(None);
        }
        let path = &self.settings.file;
        let file = OpenOptions::new().write(true).open(path).map_err(|error| {
            let path = path.display();
            Trouble::Failed(format!(
                "opening {path}: {error}; mount the host's file there"
            ))
        })?;
        let cgroups_before = counts::memory_cgroups(&self.settings.proc_root);
        let (synced, sync_took) = self.sync()?;
        let reclaimable = counts::reclaimable_bytes(&self.settings.proc_root);
        let limit = self.time_left();
        if limit.is_zero() {
            return Ok(None);
        }
        let drop_took = self.drop(level, &file, limit)?;
        let freed_bytes = reclaimable
            .zip(counts::reclaimable_bytes(&self.settings.proc_root))
            .map(|(before, after)| before.saturating_sub(after));
        let cgroups_after = self.settle(|| counts::memory_cgroups(&self.settings.proc_root));
        Ok(Some(Pass {
            level,
            cgroups_before,
            cgroups_after,
            freed_bytes,
            sync_milliseconds: milliseconds(sync_took),
            synced,
            drop_milliseconds: milliseconds(drop_took),
        }))
    }

    /// Writes dirty pages back, as only clean ones can be dropped. A disk that is too slow once
    /// is not asked again, and half of the time stays for what comes after.
    pub(super) fn sync(&mut self) -> Result<(bool, Duration), Trouble> {
        if !self.sync_again {
            return Ok((false, Duration::ZERO));
        }
        let limit = self.settings.sync_limit.min(self.time_left() / 2);
        let report = self.child(Job::Sync, limit)?;
        match report.end {
            End::Done => Ok((true, report.took)),
            End::Stopped => Err(Trouble::Stopped),
            End::TimedOut | End::Failed(_) => {
                self.sync_again = false;
                Ok((false, report.took))
            }
        }
    }

    fn drop(&mut self, level: Caches, file: &File, limit: Duration) -> Result<Duration, Trouble> {
        let job = Job::Write {
            file: file.as_fd(),
            bytes: level.bytes(),
        };
        let report = self.child(job, limit)?;
        let path = self.settings.file.clone();
        match report.end {
            End::Done => Ok(report.took),
            End::Stopped => Err(Trouble::Stopped),
            End::TimedOut => Err(Trouble::TimedOut {
                level,
                file: path,
                limit,
            }),
            End::Failed(errno) => Err(Trouble::Failed(format!(
                "writing {level:?} to {}: {errno}",
                path.display()
            ))),
        }
    }

    pub(super) fn child(
        &mut self,
        job: Job<'_>,
        limit: Duration,
    ) -> Result<child::Report, Trouble> {
        let report = child::run(job, limit, self.stop)
            .map_err(|errno| Trouble::Failed(format!("starting a child: {errno}")))?;
        self.stuck.extend(report.stuck);
        Ok(report)
    }

    /// The count once two looks in a row show no fall, or at the time limit.
    pub(super) fn settle(&self, look: impl Fn() -> Option<u64>) -> Option<u64> {
        let started = Instant::now();
        let mut lowest = look()?;
        let mut calm = 0;
        while calm < 2 && started.elapsed() < self.settings.settle_limit {
            // A stop ends the wait, and the next child then ends the command.
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            thread::sleep(self.settings.settle_poll);
            let count = look()?;
            calm = if count < lowest { 0 } else { calm + 1 };
            lowest = lowest.min(count);
        }
        Some(lowest)
    }

    /// Whether any pass freed cgroups; `None` where none was counted.
    fn has_helped(&self) -> Option<bool> {
        let counts = self.passes.iter().filter_map(|pass| {
            let (before, after) = pass.cgroups_before.zip(pass.cgroups_after)?;
            Some(CgroupCount { before, after }.fell())
        });
        counts.reduce(|one, other| one || other)
    }

    /// Until the command's own end or that of its time, whichever is first.
    pub(super) fn time_left(&self) -> Duration {
        let total = self.settings.total_limit;
        let left = total.saturating_sub(self.started.elapsed());
        left.min(self.expiry.time_left())
    }

    fn summary(&self) -> String {
        let mut message = match (&self.reclaimed, self.passes.is_empty()) {
            (Some(reclaimed), true) => {
                return format!("{}; no cache was dropped", reclaimed.summary());
            }
            (Some(reclaimed), false) => format!("{}; ", reclaimed.summary()),
            (None, _) => String::new(),
        };
        message.push_str(&self.passes_summary());
        if let Some(why) = &self.not_reclaimed {
            message.push_str("; memory.reclaim was given up: ");
            message.push_str(why);
        }
        message
    }

    fn passes_summary(&self) -> String {
        let levels: Vec<_> = self
            .passes
            .iter()
            .map(|pass| format!("{:?}", pass.level))
            .collect();
        let count = match self.span() {
            Some((before, after)) => {
                format!(
                    "memory cgroups {} -> {}",
                    text::count(before),
                    text::count(after)
                )
            }
            None => "memory cgroups cannot be counted here, so no level was repeated".to_owned(),
        };
        let mut message = format!(
            "dropped {} in {}: {count}",
            levels.join(", "),
            text::duration(self.started.elapsed())
        );
        if self.passes.iter().any(|pass| !pass.synced) {
            message.push_str("; not all dirty pages were written back in time, and those stayed");
        }
        message
    }

    fn with_passes(&self, trouble: &Trouble) -> String {
        let before = match self.passes.len() {
            0 => "nothing was dropped before".to_owned(),
            done => format!("{done} passes were completed before"),
        };
        match &self.reclaimed {
            None => format!("{trouble}; {before}"),
            Some(reclaimed) => format!("{trouble}; {before}, after {}", reclaimed.summary()),
        }
    }

    /// The count before the first pass and after the last.
    fn span(&self) -> Option<(u64, u64)> {
        let before = self.passes.first()?.cgroups_before?;
        Some((before, self.passes.last()?.cgroups_after?))
    }
}

pub(super) fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
