//! `memory.reclaim`, where it is mounted: bounded steps, each in a child that can be killed and
//! each measured, before any cache is dropped as a whole. What goes is what the pods used longest
//! ago, and no more of it than the zombies need.

use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::child::{End, Job};
use super::counts;
use super::drop_caches::{Run, Trouble, milliseconds};
use super::steps::{self, STEP_BYTES, Steps, StepsEnd};
use crate::log;
use crate::sample::{Buffer, KeptFile, ZombieCounter};
use crate::text;

/// Where the host's files are mounted, and how long each step may take.
#[derive(Debug, Clone)]
pub struct ReclaimSettings {
    /// `memory.reclaim` of the cgroup that holds every pod.
    pub file: PathBuf,
    /// The root's `cgroup.stat`: without a count of zombies nobody could say when it is enough.
    pub cgroup_stat: PathBuf,
    /// After each step, before the zombies are counted: dead cgroups are freed in the background.
    pub pause: Duration,
    /// For one step; a killed one ends them.
    pub step_limit: Duration,
}

/// What the steps came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reclaimed {
    /// How many there were.
    pub steps: u32,
    /// In how many of them the kernel found less than it was asked for.
    pub partial_steps: u32,
    /// Zombies before the first.
    pub zombies_before: u64,
    /// Zombies once the count had settled after the last; absent when it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zombies_after: Option<u64>,
    /// Page cache and reclaimable slab that went, in bytes; absent when it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freed_bytes: Option<u64>,
    /// How long the kernel took for the slowest step, in milliseconds.
    pub slowest_milliseconds: u64,
    /// How long all of it took, in milliseconds.
    pub milliseconds: u64,
    /// Why they ended.
    pub end: StepsEnd,
}

impl Reclaimed {
    /// Whether no cache need be dropped any more.
    #[must_use]
    pub fn is_enough(&self) -> bool {
        self.zombies_after.is_some_and(steps::are_gone)
    }

    /// The numbers, as part of a sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        let after = self
            .zombies_after
            .map_or_else(|| "?".to_owned(), text::count);
        let steps = if self.steps == 1 { "step" } else { "steps" };
        format!(
            "{} {steps} of memory.reclaim in {}: zombies {} -> {after}",
            self.steps,
            text::duration(Duration::from_millis(self.milliseconds)),
            text::count(self.zombies_before),
        )
    }

    fn add_step(&mut self, step: &Step) {
        self.steps += 1;
        self.partial_steps += u32::from(step.is_partial);
        self.slowest_milliseconds = self.slowest_milliseconds.max(milliseconds(step.took));
        self.freed_bytes = self
            .freed_bytes
            .zip(step.freed_bytes)
            .map(|(sum, more)| sum.saturating_add(more));
    }
}

/// The opened files.
struct Tool {
    file: File,
    zombies: ZombieCounter,
    /// What is written for one step.
    request: String,
}

/// One step that the kernel took.
struct Step {
    is_partial: bool,
    took: Duration,
    freed_bytes: Option<u64>,
}

impl Tool {
    fn open(settings: &ReclaimSettings) -> Result<Self, String> {
        let path = &settings.file;
        let file = OpenOptions::new()
            .write(true)
            .open(path)
            .map_err(|error| format!("opening {}: {error}", path.display()))?;
        let stat =
            KeptFile::open(settings.cgroup_stat.clone()).map_err(|error| error.to_string())?;
        Ok(Self {
            file,
            zombies: ZombieCounter::V2 { stat },
            // Only what files hold: no program's own memory goes to swap for this.
            request: format!("{STEP_BYTES} swappiness=0\n"),
        })
    }

    fn zombies(&self) -> Result<u64, String> {
        let count = self.zombies.count(&mut Buffer::default());
        count.map(|it| it.high).map_err(|error| error.to_string())
    }

    /// Asks without `swappiness=`, which this kernel does not know: allowed where there is no swap
    /// that a program's memory could go to.
    fn ask_plainly(&mut self, proc_root: &Path) -> bool {
        let may = counts::swap_bytes(proc_root) == Some(0);
        if may {
            self.request = format!("{STEP_BYTES}\n");
        }
        may
    }

    fn asks_plainly(&self) -> bool {
        !self.request.contains(' ')
    }
}

impl Run<'_> {
    /// Reclaims in steps where that is possible and worth it. What hinders it is no failure: the
    /// caches can still be dropped.
    pub(super) fn reclaim(&mut self) -> Result<(), Trouble> {
        let Some(settings) = self.settings.reclaim.as_ref() else {
            return Ok(());
        };
        let opened = Tool::open(settings).and_then(|tool| Ok((tool.zombies()?, tool)));
        let (zombies, mut tool) = match opened {
            Ok(opened) => opened,
            Err(why) => {
                self.not_reclaimed = Some(why);
                return Ok(());
            }
        };
        if steps::are_gone(zombies) {
            return Ok(());
        }
        // Dirty pages are not reclaimed either.
        self.sync()?;
        let started = Instant::now();
        let mut reclaimed = Reclaimed {
            steps: 0,
            partial_steps: 0,
            zombies_before: zombies,
            zombies_after: None,
            freed_bytes: Some(0),
            slowest_milliseconds: 0,
            milliseconds: 0,
            end: StepsEnd::Gone,
        };
        let ended = self.steps(&mut tool, settings, &mut reclaimed);
        if reclaimed.steps == 0 {
            return ended.map(drop);
        }
        reclaimed.end = *ended.as_ref().unwrap_or(&StepsEnd::Stopped);
        reclaimed.zombies_after = match reclaimed.end {
            StepsEnd::Gone | StepsEnd::Stopped => tool.zombies().ok(),
            _ => self.settle(|| tool.zombies().ok()),
        };
        reclaimed.milliseconds = milliseconds(started.elapsed());
        self.reclaimed = Some(reclaimed);
        ended.map(drop)
    }

    fn steps(
        &mut self,
        tool: &mut Tool,
        settings: &ReclaimSettings,
        sum: &mut Reclaimed,
    ) -> Result<StepsEnd, Trouble> {
        let mut steps = Steps::new(sum.zombies_before);
        let until = Instant::now() + self.time_left() / 2;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let limit = settings.step_limit.min(left).min(self.time_left());
            if limit.is_zero() {
                return Ok(StepsEnd::OutOfTime);
            }
            let step = match self.step(tool, limit)? {
                Ok(step) => step,
                Err(end) => return Ok(end),
            };
            sum.add_step(&step);
            thread::sleep(settings.pause);
            let zombies = match tool.zombies() {
                Ok(zombies) => zombies,
                Err(why) => {
                    self.not_reclaimed = Some(why);
                    return Ok(StepsEnd::Refused);
                }
            };
            steps.add(zombies, step.is_partial);
            log::info(
                "reclaimed",
                &[
                    ("step", &steps.taken()),
                    ("zombies", &zombies),
                    ("freed_bytes", &step.freed_bytes.unwrap_or_default()),
                    ("partial", &step.is_partial),
                    ("ms", &milliseconds(step.took)),
                ],
            );
            if let Some(end) = steps.end() {
                return Ok(end);
            }
        }
    }

    /// One step; the inner error is why there are no more.
    fn step(
        &mut self,
        tool: &mut Tool,
        limit: Duration,
    ) -> Result<Result<Step, StepsEnd>, Trouble> {
        let proc_root = self.settings.proc_root.clone();
        loop {
            let before = counts::reclaimable_bytes(&proc_root);
            let stuck = self.stuck.len();
            let job = Job::Write {
                file: tool.file.as_fd(),
                bytes: tool.request.as_bytes(),
            };
            let report = self.child(job, limit)?;
            let is_partial = match report.end {
                End::Done => false,
                End::Failed(Errno::EAGAIN) => true,
                End::Failed(Errno::EINVAL) if !tool.asks_plainly() => {
                    if tool.ask_plainly(&proc_root) {
                        continue;
                    }
                    self.not_reclaimed = Some(
                        "this kernel's memory.reclaim does not know swappiness= and the node has \
                         swap, which programs' memory would go to"
                            .to_owned(),
                    );
                    return Ok(Err(StepsEnd::Refused));
                }
                End::Failed(errno) => {
                    self.not_reclaimed = Some(format!("a step failed: {errno}"));
                    return Ok(Err(StepsEnd::Refused));
                }
                End::Stopped => return Err(Trouble::Stopped),
                End::TimedOut if self.stuck.len() > stuck => {
                    return Err(Trouble::Failed(format!(
                        "a step of memory.reclaim did not return within {} and is still in the \
                         kernel although it was killed",
                        text::duration(limit)
                    )));
                }
                End::TimedOut => {
                    let limit = text::duration(limit);
                    self.not_reclaimed = Some(format!(
                        "a step did not return within {limit} and was killed"
                    ));
                    return Ok(Err(StepsEnd::Hung));
                }
            };
            let after = counts::reclaimable_bytes(&proc_root);
            return Ok(Ok(Step {
                is_partial,
                took: report.took,
                freed_bytes: before
                    .zip(after)
                    .map(|(before, after)| before.saturating_sub(after)),
            }));
        }
    }
}
