//! The process that keeps the statistics of all zombies changing, so that root reads stay slow.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

use super::IncidentError;
use super::process::{hear_signals, maker_is_gone};
use crate::process_id::ProcessId;

/// The hidden subcommand, which also tells this process from others.
pub const ROLE: &str = "pulser";

/// The shortest rest between two pulses: one that takes longer than its interval must not take a
/// whole CPU unseen.
const SHORTEST_REST: Duration = Duration::from_millis(1);

/// How long the first pulse may take. One over 150,000 pages takes 0.2 s.
const FIRST_WITHIN_MS: u16 = 60_000;

/// How long a pulser may take to end by itself, which it does after the pulse in hand.
const ENDS_WITHIN: Duration = Duration::from_secs(3);

/// What a pulser is told on its command line.
#[derive(Clone, Debug, clap::Args)]
pub struct Task {
    /// The shared file.
    #[arg(long)]
    pub file: PathBuf,
    /// From the start of one pulse to the start of the next, in milliseconds.
    #[arg(long)]
    pub every_ms: u64,
}

/// The pulser itself: maps the whole file and unmaps it, again and again, until its standard input
/// is closed. It reports the first pulse's time in microseconds on its standard output.
///
/// # Errors
/// [`IncidentError::Io`] when the file cannot be opened or mapped.
pub fn run(task: &Task) -> Result<(), IncidentError> {
    let failed = |doing| IncidentError::io(doing, &task.file);
    hear_signals().map_err(failed("cannot unblock signals for"))?;
    let (file, length) = open(&task.file)?;
    let every = Duration::from_millis(task.every_ms);
    let mut first = true;
    loop {
        let start = Instant::now();
        pulse(&file, length).map_err(|errno| failed("cannot map")(errno.into()))?;
        if first {
            first = false;
            let mut stdout = std::io::stdout();
            writeln!(stdout, "{}", start.elapsed().as_micros())
                .and_then(|()| stdout.flush())
                .map_err(failed("cannot report the first pulse of"))?;
        }
        let rest = every.saturating_sub(start.elapsed()).max(SHORTEST_REST);
        if maker_is_gone(rest).map_err(failed("cannot wait for the next pulse of"))? {
            return Ok(());
        }
    }
}

/// One pulse over `file` by the caller itself, for tests that want each read after its own pulse.
///
/// # Errors
/// [`IncidentError::Io`] when the file cannot be opened or mapped.
pub fn once(file: &Path) -> Result<(), IncidentError> {
    let (opened, length) = open(file)?;
    pulse(&opened, length).map_err(|errno| IncidentError::io("cannot map", file)(errno.into()))
}

fn open(path: &Path) -> Result<(File, NonZeroUsize), IncidentError> {
    let failed = |doing| IncidentError::io(doing, path);
    let file = File::open(path).map_err(failed("cannot open"))?;
    let bytes = file.metadata().map_err(failed("cannot look at"))?.len();
    let length = usize::try_from(bytes).ok().and_then(NonZeroUsize::new);
    let length = length.ok_or_else(|| {
        failed("cannot map the empty file")(std::io::ErrorKind::InvalidData.into())
    })?;
    Ok((file, length))
}

/// One pulse: every page of the file becomes mapped and unmapped, which changes `NR_FILE_MAPPED` of
/// the cgroup that each page is charged to.
fn pulse(file: &File, length: NonZeroUsize) -> nix::Result<()> {
    let flags = MapFlags::MAP_SHARED | MapFlags::MAP_POPULATE;
    // SAFETY: the kernel chooses an unused range, nothing reads or writes through it, and it is
    // unmapped with the same length before anybody else learns its address.
    unsafe {
        let range = mmap(None, length, ProtFlags::PROT_READ, flags, file, 0)?;
        munmap(range, length.get())
    }
}

/// The maker's side of a running pulser. It is stopped when dropped.
#[derive(Debug)]
pub(crate) struct Pulser {
    child: Child,
    /// Who it is.
    pub(crate) process: ProcessId,
    /// How long its first pulse took.
    pub(crate) first: Duration,
}

impl Pulser {
    /// Starts a pulser and waits for its first pulse.
    pub(crate) fn start(
        program: &Path,
        file: &Path,
        every: Duration,
    ) -> Result<Self, IncidentError> {
        let failed = |why: String| IncidentError::Child { role: ROLE, why };
        let child = Command::new(program)
            .arg(ROLE)
            .arg("--file")
            .arg(file)
            .args(["--every-ms", &every.as_millis().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(IncidentError::io("cannot start", program))?;
        let process =
            ProcessId::of(child.id()).map_err(IncidentError::io("cannot look at", "/proc"))?;
        let mut pulser = Self {
            child,
            process,
            first: Duration::ZERO,
        };
        match pulser.first_pulse() {
            Some(first) => {
                pulser.first = first;
                Ok(pulser)
            }
            None => Err(failed(pulser.last_words())),
        }
    }

    /// Whether it still pulses.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn first_pulse(&mut self) -> Option<Duration> {
        let stdout = self.child.stdout.as_mut()?;
        let mut watched = [PollFd::new(stdout.as_fd(), PollFlags::POLLIN)];
        poll(&mut watched, PollTimeout::from(FIRST_WITHIN_MS))
            .ok()
            .filter(|ready| *ready > 0)?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).ok()?;
        line.trim().parse().ok().map(Duration::from_micros)
    }

    /// Ends it and gives what it said.
    fn last_words(&mut self) -> String {
        self.end();
        let mut said = String::new();
        if let Some(mut stderr) = self.child.stderr.take()
            && stderr.read_to_string(&mut said).is_err()
        {
            said.clear();
        }
        if said.trim().is_empty() {
            "it made no pulse".into()
        } else {
            said.trim().into()
        }
    }

    /// Closes its standard input, and kills it if that does not end it.
    fn end(&mut self) {
        drop(self.child.stdin.take());
        let until = Instant::now() + ENDS_WITHIN;
        while self.is_running() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        if self.is_running() {
            // Both can only fail when it is already gone.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Drop for Pulser {
    fn drop(&mut self) {
        self.end();
    }
}
