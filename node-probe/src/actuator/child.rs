//! One system call that may take for ever, made in a forked child that can be killed.
//!
//! The child makes the call and exits; it never executes a program, so the sandbox needs no
//! `execve`. Some waits in the kernel ignore even SIGKILL: the parent then goes on without the
//! child and remembers it.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};

/// How often the parent looks. A drop takes from 1 ms to seconds.
const POLL: Duration = Duration::from_millis(10);

/// How long a killed child may take to leave the kernel before the parent goes on without it.
const KILL_GRACE: Duration = Duration::from_secs(2);

/// What the child does.
#[derive(Debug, Clone, Copy)]
pub enum Job<'a> {
    /// `sync(2)`: every file system of the machine.
    Sync,
    /// One `write(2)` of all the bytes.
    Write {
        /// Where.
        file: BorrowedFd<'a>,
        /// What.
        bytes: &'a [u8],
    },
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The call returned and all went well.
    Done,
    /// The call failed.
    Failed(Errno),
    /// The time limit passed; the child was killed.
    TimedOut,
    /// The caller was told to stop; the child was killed.
    Stopped,
}

/// A finished or abandoned job.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    /// How it ended.
    pub end: End,
    /// How long the caller waited.
    pub took: Duration,
    /// The child, where it did not leave the kernel in time after being killed.
    pub stuck: Option<Pid>,
}

/// Runs `job` in a child for at most `limit`, or until `stop` is set.
///
/// # Errors
/// When no child can be made.
pub fn run(job: Job<'_>, limit: Duration, stop: &AtomicBool) -> Result<Report, Errno> {
    let started = Instant::now();
    // SAFETY: the process has threads, so the child may only make async-signal-safe calls until it
    // exits; `in_child` makes prctl, sync, write and _exit, and allocates nothing.
    let pid = match unsafe { fork() }? {
        ForkResult::Child => in_child(job),
        ForkResult::Parent { child } => child,
    };
    let end = loop {
        if let Some(end) = poll(pid) {
            return Ok(Report {
                end,
                took: started.elapsed(),
                stuck: None,
            });
        }
        if stop.load(Ordering::Relaxed) {
            break End::Stopped;
        }
        if started.elapsed() >= limit {
            break End::TimedOut;
        }
        thread::sleep(POLL);
    };
    let stuck = (!kill_and_reap(pid)).then_some(pid);
    Ok(Report {
        end,
        took: started.elapsed(),
        stuck,
    })
}

/// Whether a child that was left behind has gone by now.
#[must_use]
pub fn has_gone(pid: Pid) -> bool {
    poll(pid).is_some()
}

fn in_child(job: Job<'_>) -> ! {
    let code = match job {
        // SAFETY: all calls are async-signal-safe and take no memory but `bytes`, which the fork
        // copied; the descriptor is open in the child as it was in the parent.
        Job::Sync => unsafe {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            libc::sync();
            0
        },
        // SAFETY: as above.
        Job::Write { file, bytes } => unsafe {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            match usize::try_from(libc::write(
                file.as_raw_fd(),
                bytes.as_ptr().cast(),
                bytes.len(),
            )) {
                Ok(written) if written == bytes.len() => 0,
                Ok(_) => libc::EIO,
                Err(_) => Errno::last_raw(),
            }
        },
    };
    // SAFETY: `_exit` ends the child without running anything of the parent's.
    unsafe { libc::_exit(code) }
}

/// The child's end, if it has ended.
fn poll(pid: Pid) -> Option<End> {
    match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::Exited(_, 0)) => Some(End::Done),
        Ok(WaitStatus::Exited(_, code)) => Some(End::Failed(Errno::from_raw(code))),
        Ok(WaitStatus::Signaled(..)) => Some(End::Failed(Errno::EINTR)),
        Ok(_) | Err(Errno::EINTR) => None,
        Err(error) => Some(End::Failed(error)),
    }
}

fn kill_and_reap(pid: Pid) -> bool {
    // It can only fail for a child that has gone, which the loop then sees.
    let _ = kill(pid, Signal::SIGKILL);
    let killed = Instant::now();
    while killed.elapsed() < KILL_GRACE {
        if has_gone(pid) {
            return true;
        }
        thread::sleep(POLL);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Read;
    use std::os::fd::AsFd;

    static RUNNING: AtomicBool = AtomicBool::new(false);

    #[test]
    fn writes_and_reports_success() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let job = Job::Write {
            file: writer.as_fd(),
            bytes: b"1\n",
        };
        let report = run(job, Duration::from_secs(10), &RUNNING).unwrap();
        assert_eq!((report.end, report.stuck), (End::Done, None));
        let mut bytes = [0; 2];
        reader.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"1\n");
    }

    #[test]
    fn a_failed_write_names_its_errno() {
        let read_only = File::open("/dev/null").unwrap();
        let job = Job::Write {
            file: read_only.as_fd(),
            bytes: b"1\n",
        };
        let report = run(job, Duration::from_secs(10), &RUNNING).unwrap();
        assert_eq!(report.end, End::Failed(Errno::EBADF));
    }

    #[test]
    fn a_call_that_hangs_is_killed_at_the_limit() {
        let (_reader, writer) = std::io::pipe().unwrap();
        let full = vec![0_u8; 1 << 20];
        let job = Job::Write {
            file: writer.as_fd(),
            bytes: &full,
        };
        let report = run(job, Duration::from_millis(100), &RUNNING).unwrap();
        assert_eq!((report.end, report.stuck), (End::TimedOut, None));
        assert!(report.took < Duration::from_secs(5), "{:?}", report.took);
    }

    #[test]
    fn stopping_kills_the_child_before_the_limit() {
        let (_reader, writer) = std::io::pipe().unwrap();
        let full = vec![0_u8; 1 << 20];
        let job = Job::Write {
            file: writer.as_fd(),
            bytes: &full,
        };
        let report = run(job, Duration::from_mins(1), &AtomicBool::new(true)).unwrap();
        assert_eq!(report.end, End::Stopped);
        assert!(report.took < Duration::from_secs(5), "{:?}", report.took);
    }
}
