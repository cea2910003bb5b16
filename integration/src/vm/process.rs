//! QEMU as a process that ends with its holder.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nix::sys::prctl;
use nix::sys::signal::Signal;

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running QEMU.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    stop: Option<Sender<()>>,
    keeper: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts `command`, its messages in the file `log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(mut command: Command, log: &Path) -> Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        // SAFETY: the closure makes one prctl system call and allocates nothing.
        unsafe {
            command.pre_exec(|| prctl::set_pdeathsig(Signal::SIGKILL).map_err(Into::into));
        }
        let (stop, stopped) = mpsc::channel::<()>();
        let (started, start) = mpsc::channel();
        // The signal follows the thread that started it, and a test's thread may
        // end before its machine: this one lives as long as QEMU.
        let keeper = std::thread::Builder::new()
            .name("qemu".into())
            .spawn(move || {
                let mut child = match command.spawn() {
                    Ok(child) => child,
                    Err(error) => return drop(started.send(Err(error))),
                };
                // The starter waits for it.
                let _ = started.send(Ok(child.id()));
                while stopped.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                    if !matches!(child.try_wait(), Ok(None)) {
                        return;
                    }
                }
                // Gone by itself in this moment is as good.
                let _ = child.kill();
                let _ = child.wait();
            })?;
        let pid = start
            .recv()
            .map_err(|_| anyhow!("the thread that starts QEMU died"))?
            .context("cannot start qemu-system-x86_64: install Debian's qemu-system-x86")?;
        Ok(Self {
            pid,
            stop: Some(stop),
            keeper: Some(keeper),
        })
    }

    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.keeper
            .as_ref()
            .is_some_and(|keeper| !keeper.is_finished())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(keeper) = self.keeper.take() {
            // It has nothing to say.
            let _ = keeper.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process_id::ProcessId;

    #[test]
    fn it_ends_with_its_holder_and_not_with_the_thread_that_asked() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let start = |seconds: &str| {
            let mut command = Command::new("sleep");
            command.arg(seconds);
            let log = log.clone();
            std::thread::spawn(move || Process::start(command, &log).unwrap())
        };
        let process = start("60").join().unwrap();
        let id = ProcessId::of(process.pid()).unwrap();
        std::thread::sleep(LOOK_EVERY * 2);
        assert!(process.is_running() && id.is_alive());
        drop(process);
        assert!(!id.is_alive());
        let short = start("0").join().unwrap();
        for _ in 0..500 {
            if !short.is_running() {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        panic!("an ended process still runs");
    }

    #[test]
    fn a_missing_program_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let missing = Process::start(Command::new("/no/such/qemu"), &dir.path().join("log"));
        assert!(missing.unwrap_err().to_string().contains("install"));
    }
}
