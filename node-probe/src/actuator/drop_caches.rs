//! Carries out one `dropCaches`: sync, drop, wait until the count settles, and again while it
//! falls. Every step has a time limit and runs in a child that can be killed.

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
use super::outcome::Pass;
use super::passes::{Caches, CgroupCount, Ladder};
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
    /// Killed children that had not left the kernel.
    pub stuck: Vec<Pid>,
}

/// Drops the caches along `ladder`, until `stop` is set at the latest.
#[must_use]
pub fn perform(settings: &DropSettings, ladder: &Ladder, stop: &AtomicBool) -> Performed {
    let mut run = Run {
        settings,
        stop,
        started: Instant::now(),
        passes: Vec::new(),
        stuck: Vec::new(),
        sync_again: true,
    };
    let end = run.all_passes(ladder);
    let (state, message) = match end {
        Ok(()) => (CommandState::Succeeded, run.summary()),
        Err(trouble) => (trouble.state(), run.with_passes(&trouble)),
    };
    Performed {
        state,
        message,
        passes: run.passes,
        stuck: run.stuck,
    }
}

/// Why a command ended before its last pass.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{0}")]
    Failed(String),
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
            Self::Failed(_) | Self::TimedOut { .. } => CommandState::Failed,
        }
    }
}

struct Run<'a> {
    settings: &'a DropSettings,
    stop: &'a AtomicBool,
    started: Instant,
    passes: Vec<Pass>,
    stuck: Vec<Pid>,
    sync_again: bool,
}

impl Run<'_> {
    fn all_passes(&mut self, ladder: &Ladder) -> Result<(), Trouble> {
        while let Some(level) = ladder.next(self.passes.len(), self.has_helped()) {
            if !self.passes.is_empty() && self.time_left().is_zero() {
                break;
            }
            let pass = self.pass(level)?;
            self.passes.push(pass);
        }
        Ok(())
    }

    fn pass(&mut self, level: Caches) -> Result<Pass, Trouble> {
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
        let drop_took = self.drop(level, &file)?;
        let freed_bytes = reclaimable
            .zip(counts::reclaimable_bytes(&self.settings.proc_root))
            .map(|(before, after)| before.saturating_sub(after));
        Ok(Pass {
            level,
            cgroups_before,
            cgroups_after: self.settle(),
            freed_bytes,
            sync_milliseconds: milliseconds(sync_took),
            synced,
            drop_milliseconds: milliseconds(drop_took),
        })
    }

    /// Writes dirty pages back, as only clean ones can be dropped. A disk that is too slow once
    /// is not asked again.
    fn sync(&mut self) -> Result<(bool, Duration), Trouble> {
        if !self.sync_again {
            return Ok((false, Duration::ZERO));
        }
        let report = self.child(Job::Sync, self.settings.sync_limit)?;
        match report.end {
            End::Done => Ok((true, report.took)),
            End::Stopped => Err(Trouble::Stopped),
            End::TimedOut | End::Failed(_) => {
                self.sync_again = false;
                Ok((false, report.took))
            }
        }
    }

    fn drop(&mut self, level: Caches, file: &File) -> Result<Duration, Trouble> {
        let job = Job::Write {
            file: file.as_fd(),
            bytes: level.bytes(),
        };
        // A slow sync must not leave the first drop without any time.
        let limit = self.time_left().max(Duration::from_secs(1));
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

    fn child(&mut self, job: Job<'_>, limit: Duration) -> Result<child::Report, Trouble> {
        let report = child::run(job, limit, self.stop)
            .map_err(|errno| Trouble::Failed(format!("starting a child: {errno}")))?;
        self.stuck.extend(report.stuck);
        Ok(report)
    }

    /// The count once two looks in a row show no fall, or at the time limit.
    fn settle(&self) -> Option<u64> {
        let started = Instant::now();
        let mut lowest = counts::memory_cgroups(&self.settings.proc_root)?;
        let mut calm = 0;
        while calm < 2 && started.elapsed() < self.settings.settle_limit {
            // A stop ends the wait, and the next child then ends the command.
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            thread::sleep(self.settings.settle_poll);
            let count = counts::memory_cgroups(&self.settings.proc_root)?;
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

    fn time_left(&self) -> Duration {
        self.settings
            .total_limit
            .saturating_sub(self.started.elapsed())
    }

    fn summary(&self) -> String {
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
        match self.passes.len() {
            0 => format!("{trouble}; nothing was dropped before"),
            done => format!("{trouble}; {done} passes were completed before"),
        }
    }

    /// The count before the first pass and after the last.
    fn span(&self) -> Option<(u64, u64)> {
        let before = self.passes.first()?.cgroups_before?;
        Some((before, self.passes.last()?.cgroups_after?))
    }
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
