//! An incident from its making to its end.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::unistd::{SysconfVar, Uid, sysconf};

use super::clean::{self, Cleaned, tolerance};
use super::lock::MachineLock;
use super::options::state_file;
use super::pulse::{self, Pulser};
use super::state::{Child, FILE_PREFIX, State, boot_id};
use super::{Backing, Hierarchy, IncidentError, Options, capacity, worker, zombies};
use crate::process_id::ProcessId;

/// How long the machine's count may take to show what was made: cgroups that others left are still
/// dying meanwhile.
const COUNTED_WITHIN: Duration = Duration::from_secs(5);

/// What was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// The number of zombies asked for.
    pub zombies: u32,
    /// The machine's zombies before.
    pub before: u64,
    /// The machine's zombies after, all verified.
    pub after: u64,
    /// The file system of the shared file.
    pub backing: Backing,
    /// The shared file whose pages hold the zombies.
    pub file: PathBuf,
    /// Where its cgroups were made.
    pub hierarchy: Hierarchy,
    /// How long the making took.
    pub took: Duration,
    /// What a killed predecessor had left, removed before.
    pub cleaned: Cleaned,
}

/// How an incident ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// The machine's zombies once the file was gone.
    pub zombies: u64,
    /// Whether the zombies made here are gone, as far as the machine's count can tell. A machine
    /// where many cgroups of others died meanwhile may say no.
    pub gone: bool,
}

/// A running incident. It holds the machine's lock, and ends when stopped or dropped.
#[derive(Debug)]
pub struct Incident {
    options: Options,
    state: State,
    made: Made,
    pulser: Option<Pulser>,
    stopped: Option<Stopped>,
    lock: Option<MachineLock>,
}

impl Incident {
    /// Makes an incident, after removing what a killed predecessor left, and verifies it. Whatever
    /// an error leaves half made is removed.
    ///
    /// # Errors
    /// One sentence each: see [`IncidentError`].
    pub fn make(options: &Options) -> Result<Self, IncidentError> {
        if options.zombies == 0 {
            return Err(IncidentError::NoneAsked);
        }
        let hierarchy = check()?;
        options.program.metadata().map_err(IncidentError::io(
            "cannot find the program `incident` at",
            &options.program,
        ))?;
        let state_file = state_file(&options.state_dir);
        let lock = MachineLock::acquire(&state_file, options.wait, &options.cancel)?;
        let cleaned = clean::leftovers(&hierarchy, &lock, &state_file)?;
        let file = place(options)?;
        let before = zombies::count_in(&hierarchy)?;
        let state = State {
            boot_id: boot_id()?,
            zombies: options.zombies,
            before,
            backing: options.backing,
            file: file.clone(),
            children: Vec::new(),
        };
        let made = Made {
            zombies: options.zombies,
            before,
            after: before,
            backing: options.backing,
            file,
            hierarchy,
            took: Duration::ZERO,
            cleaned,
        };
        state.save(&state_file)?;
        let mut incident = Self {
            options: options.clone(),
            state,
            made,
            pulser: None,
            stopped: None,
            lock: Some(lock),
        };
        incident.fill()?;
        if let Some(every) = options.pulse_every {
            incident.start_pulses(every)?;
        }
        Ok(incident)
    }

    /// What was made.
    #[must_use]
    pub fn made(&self) -> &Made {
        &self.made
    }

    /// The zombies of the whole machine now, as a probe would count them.
    ///
    /// # Errors
    /// As [`zombies::count`].
    pub fn zombies_now(&self) -> Result<u64, IncidentError> {
        zombies::count_in(&self.made.hierarchy)
    }

    /// Starts the pulses, or starts them anew at another interval. They go on, whatever anybody
    /// does to the zombies, until [`Self::stop_pulses`], [`Self::stop`] or the end of this process.
    /// Gives the time of the first pulse.
    ///
    /// # Errors
    /// [`IncidentError::Child`] when the pulser makes no pulse.
    pub fn start_pulses(&mut self, every: Duration) -> Result<Duration, IncidentError> {
        self.stop_pulses();
        let pulser = Pulser::start(&self.options.program, &self.made.file, every)?;
        let first = pulser.first;
        self.state.children = vec![Child {
            role: pulse::ROLE.into(),
            process: pulser.process,
        }];
        self.pulser = Some(pulser);
        self.state.save(&state_file(&self.options.state_dir))?;
        Ok(first)
    }

    /// Ends the pulses: the zombies stay, at rest.
    pub fn stop_pulses(&mut self) {
        self.pulser = None;
    }

    /// Whether the pulses go on.
    pub fn is_pulsing(&mut self) -> bool {
        self.pulser.as_mut().is_some_and(Pulser::is_running)
    }

    /// The process that pulses, and how long its first pulse took.
    #[must_use]
    pub fn pulser(&self) -> Option<(u32, Duration)> {
        self.pulser
            .as_ref()
            .map(|pulser| (pulser.process.pid, pulser.first))
    }

    /// Ends the incident: the pulses, the file, and with it the zombies, the cgroups, the lock. A
    /// second call gives the first one's result.
    ///
    /// # Errors
    /// Whatever kept something from going; what is left, the next maker removes.
    pub fn stop(&mut self) -> Result<Stopped, IncidentError> {
        if let Some(stopped) = &self.stopped {
            return Ok(stopped.clone());
        }
        self.stop_pulses();
        let path = state_file(&self.options.state_dir);
        let zombies = clean::undo(
            &self.made.hierarchy,
            &self.state,
            &path,
            &mut Cleaned::default(),
        )?;
        let gone = zombies <= self.made.before + tolerance(self.made.zombies);
        let stopped = Stopped { zombies, gone };
        self.stopped = Some(stopped.clone());
        self.lock = None;
        Ok(stopped)
    }

    /// Makes the file, the cgroups and the zombies, and counts them.
    fn fill(&mut self) -> Result<(), IncidentError> {
        let start = Instant::now();
        let made = &mut self.made;
        File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&made.file)
            .map_err(IncidentError::io("cannot make", &made.file))?;
        let task = worker::Task {
            root: made.hierarchy.root.clone(),
            procs_file: made.hierarchy.procs_file().into(),
            file: made.file.clone(),
            count: made.zombies,
            page_size: page_size()?,
        };
        let path = state_file(&self.options.state_dir);
        worker::start_and_wait(&self.options.program, &task, &self.options.cancel, |pid| {
            let process =
                ProcessId::of(pid).map_err(IncidentError::io("cannot look at", "/proc"))?;
            self.state.children = vec![Child {
                role: worker::ROLE.into(),
                process,
            }];
            self.state.save(&path)
        })?;
        self.state.children.clear();
        clean::remove_cgroups(&made.hierarchy)?;
        let (before, asked) = (made.before, made.zombies);
        made.after = zombies::wait_until(&made.hierarchy, COUNTED_WITHIN, |after| {
            is_as_asked(asked, before, after)
        })?;
        made.took = start.elapsed();
        if is_as_asked(asked, before, made.after) {
            return Ok(());
        }
        let (after, tolerance) = (made.after, tolerance(asked));
        Err(IncidentError::WrongCount {
            asked,
            before,
            after,
            tolerance,
        })
    }
}

impl Drop for Incident {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("incident: cannot clean up: {error}");
        }
    }
}

/// Checks without changing anything that incidents can be made on this machine: by root, in a
/// writable memory hierarchy.
///
/// # Errors
/// [`IncidentError::NotRoot`], or why the hierarchy will not do.
pub fn check() -> Result<Hierarchy, IncidentError> {
    let uid = Uid::effective();
    if !uid.is_root() {
        return Err(IncidentError::NotRoot { uid: uid.as_raw() });
    }
    let hierarchy = Hierarchy::find()?;
    hierarchy.check_writable()?;
    Ok(hierarchy)
}

/// The path of the shared file, on a machine that can hold it and its zombies.
fn place(options: &Options) -> Result<PathBuf, IncidentError> {
    let page_size = page_size()? as u64;
    capacity::check(options.zombies, page_size)?;
    let bytes = u64::from(options.zombies) * page_size;
    let directory = options
        .backing
        .directory(options.directory.as_deref(), bytes)?;
    // The next maker may run in another directory.
    let directory = std::path::absolute(&directory)
        .map_err(IncidentError::io("cannot make absolute", &directory))?;
    Ok(directory.join(format!("{FILE_PREFIX}{}", std::process::id())))
}

/// The size of a page, the smallest thing that can hold a cgroup.
fn page_size() -> Result<usize, IncidentError> {
    let failed = || IncidentError::Unknown {
        why: "the kernel does not say its page size".into(),
    };
    let size = sysconf(SysconfVar::PAGE_SIZE)
        .ok()
        .flatten()
        .ok_or_else(failed)?;
    usize::try_from(size).map_err(|_| failed())
}

/// Whether the machine's count rose by what was asked for. Cgroups of others may have become
/// zombies meanwhile: that alone is no failure, so the upper bound is wider.
fn is_as_asked(asked: u32, before: u64, after: u64) -> bool {
    let (least, slack) = (before + u64::from(asked), tolerance(asked));
    least.saturating_sub(slack) <= after && after <= least + slack + 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rise_far_from_what_was_asked_is_wrong() {
        assert!(is_as_asked(2_000, 13, 2_013));
        assert!(is_as_asked(2_000, 60, 1_996));
        assert!(!is_as_asked(2_000, 13, 1_900));
        assert!(!is_as_asked(2_000, 13, 13));
        assert!(!is_as_asked(2_000, 13, 4_013));
        assert!(!is_as_asked(1, 13, 13));
    }

    #[test]
    fn no_zombies_are_no_incident() {
        let refusal = Incident::make(&Options::new(0, Backing::Ext4, "/bin/true")).unwrap_err();
        assert!(matches!(refusal, IncidentError::NoneAsked));
    }
}
