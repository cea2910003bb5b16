//! Tells people how far a long job is: what, how much of how much, and for
//! how long already.

use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How many of a failed command's last lines are shown.
const TAIL_LINES: usize = 12;

/// The steps of a long job.
#[derive(Debug)]
pub struct Progress {
    label: String,
    steps: usize,
    done: usize,
}

/// How far the running step is, if it can be counted.
#[derive(Debug, Clone, Default)]
pub struct Count {
    done: Arc<AtomicUsize>,
    total: Arc<AtomicUsize>,
}

impl Progress {
    /// A job called `label` of `steps` steps.
    #[must_use]
    pub fn new(label: &str, steps: usize) -> Self {
        Self {
            label: label.to_owned(),
            steps,
            done: 0,
        }
    }

    /// Runs one step and shows it: each second on a terminal, each half
    /// minute elsewhere.
    ///
    /// # Errors
    /// What the step returns.
    pub fn step(&mut self, what: &str, run: impl FnOnce(&Count) -> Result<()>) -> Result<()> {
        self.done += 1;
        let head = format!("{} {}/{}: {what}", self.label, self.done, self.steps);
        let terminal = std::io::stderr().is_terminal();
        let started = Instant::now();
        let count = Count::default();
        let (finished, end) = channel::<()>();
        if !terminal {
            eprintln!("{head}");
        }
        let ticker = {
            let (head, count) = (head.clone(), count.clone());
            std::thread::spawn(move || show(&head, &count, started, terminal, &end))
        };
        let result = run(&count);
        drop(finished);
        // The ticker only prints; nothing depends on how it ended.
        let _ = ticker.join();
        let outcome = if result.is_ok() { "done" } else { "failed" };
        let clear = if terminal { "\r\x1b[K" } else { "" };
        eprintln!(
            "{clear}{head}: {outcome} in {:.0} s",
            started.elapsed().as_secs_f32()
        );
        result
    }
}

fn show(head: &str, count: &Count, started: Instant, terminal: bool, end: &Receiver<()>) {
    let period = Duration::from_secs(if terminal { 1 } else { 30 });
    while end.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
        let (start, stop) = if terminal {
            ("\r\x1b[K", "")
        } else {
            ("", "\n")
        };
        let (done, total) = (
            count.done.load(Ordering::Relaxed),
            count.total.load(Ordering::Relaxed),
        );
        let far = if total > 0 {
            format!("{} of {total} packages, ", done.min(total))
        } else {
            String::new()
        };
        eprint!(
            "{start}{head} ({far}{} s){stop}",
            started.elapsed().as_secs()
        );
        // A terminal that went away is not a reason to stop building.
        let _ = std::io::stderr().flush();
    }
}

/// Runs `go build -v` or `go install -v` and counts the packages that it
/// names, of those that `list` (a `go list -deps`) names.
///
/// # Errors
/// When go cannot be run or fails, with the last lines it printed.
pub fn run_go(command: &mut Command, list: Option<&mut Command>, count: &Count) -> Result<()> {
    if let Some(list) = list {
        let output = list
            .stdin(Stdio::null())
            .output()
            .context("cannot run go")?;
        count.total.store(
            output.stdout.split(|byte| *byte == b'\n').count(),
            Ordering::Relaxed,
        );
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run go")?;
    let mut tail: Vec<String> = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            count.done.fetch_add(1, Ordering::Relaxed);
            if tail.len() == TAIL_LINES {
                tail.remove(0);
            }
            tail.push(line);
        }
    }
    if !child.wait()?.success() {
        bail!("go failed:\n{}", tail.join("\n"));
    }
    Ok(())
}
