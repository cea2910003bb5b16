//! Programs that end in time, or are ended with all they started.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::interrupt::Interrupt;

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Whether it ended by itself, and well.
    pub success: bool,
    /// Whether it was ended because its time was over.
    pub late: bool,
    /// What it wrote: standard output, and standard error unless the command
    /// sends that elsewhere.
    pub output: String,
}

/// Which output is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Standard output; people see the other.
    Output,
    /// Both.
    Both,
}

/// Runs `command` for at most `limit`.
///
/// # Errors
/// When it cannot be run, or somebody interrupts; it is over then.
pub fn run(
    command: &mut Command,
    keep: Keep,
    limit: Duration,
    interrupt: &Interrupt,
) -> Result<Ended> {
    // A file rather than a pipe: a pipe must be read while the program runs.
    let mut file = tempfile::tempfile().context("cannot create a temporary file")?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?);
    if keep == Keep::Both {
        command.stderr(file.try_clone()?);
    }
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    let group = i32::try_from(child.id()).map(Pid::from_raw)?;
    let end = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if Instant::now() > end || interrupt.came() {
            // What it started is of its group, and may outlive it.
            let _ = killpg(group, Signal::SIGKILL);
            child.wait()?;
            interrupt.check()?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    Ok(Ended {
        success: status.is_some_and(|status| status.success()),
        late: status.is_none(),
        output: read(&mut file)?,
    })
}

fn read(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Ended {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run(&mut command, Keep::Both, limit, &Interrupt::default()).unwrap()
    }

    #[test]
    fn tells_how_a_program_ended_and_what_it_wrote() {
        let ended = shell("echo out; echo err >&2; exit 3", Duration::from_secs(30));
        assert!(!ended.success && !ended.late);
        assert_eq!(ended.output, "out\nerr\n");
        assert!(shell("true", Duration::from_secs(30)).success);
    }

    #[test]
    fn ends_a_program_that_takes_too_long_and_what_it_started() {
        let started = Instant::now();
        let ended = shell("sleep 60 & echo $!; wait", Duration::from_millis(300));
        assert!(ended.late && !ended.success);
        assert!(started.elapsed() < Duration::from_secs(30));
        let pid = Pid::from_raw(ended.output.trim().parse().unwrap());
        let gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        while !gone() {
            assert!(started.elapsed() < Duration::from_secs(30), "{pid} lives");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
