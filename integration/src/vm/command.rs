//! Programs of this machine that prepare a virtual one.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How many of a failed command's last lines are shown.
const TAIL_LINES: usize = 15;

/// Runs `command` and gives what it printed.
///
/// # Errors
/// When it cannot be started, fails, or is not done within `limit`; the message
/// holds the last lines that it printed.
pub fn run(command: &mut Command, limit: Duration) -> Result<String> {
    Ok(run_telling(command, limit)?.0)
}

/// The same, with what it said on its standard error: some programs fail with status 0.
///
/// # Errors
/// As [`run`].
pub fn run_telling(command: &mut Command, limit: Duration) -> Result<(String, String)> {
    let name = command.get_program().to_string_lossy().into_owned();
    let (mut printed, mut errors) = (tempfile::tempfile()?, tempfile::tempfile()?);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(printed.try_clone()?)
        .stderr(errors.try_clone()?)
        .spawn()
        .with_context(|| format!("cannot run {name}: install what .ci/packages names"))?;
    let until = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > until {
            child.kill()?;
            child.wait()?;
            let said = tail(&text(&mut errors)?, TAIL_LINES);
            bail!("{name} was not done within {limit:?}:\n{said}");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let (printed, errors) = (text(&mut printed)?, text(&mut errors)?);
    if !status.success() {
        let said = format!("{printed}{errors}");
        bail!("{name}: {status}:\n{}", tail(&said, TAIL_LINES));
    }
    Ok((printed, errors))
}

fn text(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The last `count` lines of `text`.
pub fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_with_its_words_and_a_hang_is_ended() {
        let sh = |script: &str, limit| run(Command::new("sh").args(["-c", script]), limit);
        let minute = Duration::from_secs(60);
        assert_eq!(sh("echo 1; echo 2 >&2", minute).unwrap(), "1\n");
        let error = sh("echo no such package >&2; exit 3", minute).unwrap_err();
        assert!(error.to_string().contains("no such package"), "{error}");
        let error = sh("exec sleep 60", Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("was not done within"), "{error}");
    }
}
