//! Tries, from inside the sandbox, what it must refuse.

use std::io;
use std::ptr;

use nix::errno::Errno;
use nix::libc;

use super::seccomp::Reach;

/// One attempt and what the kernel said.
#[derive(Debug)]
pub struct Attempt {
    /// What was tried.
    pub what: &'static str,
    /// The answer; `Ok` means that it was possible.
    pub result: Result<(), Errno>,
    /// Whether it must be possible.
    pub allowed: bool,
}

impl Attempt {
    /// Whether the kernel said what it must: success where allowed, EPERM where not. Another error
    /// would mean that the call was made and failed for a reason of its own.
    #[must_use]
    pub fn holds(&self) -> bool {
        match self.result {
            Ok(()) => self.allowed,
            Err(errno) => !self.allowed && errno == Errno::EPERM,
        }
    }

    /// One line for people.
    #[must_use]
    pub fn line(&self) -> String {
        let answer = match self.result {
            Ok(()) => "possible".to_owned(),
            Err(errno) => format!("{errno:?}"),
        };
        format!(
            "{} {}: {answer}",
            if self.holds() { "ok  " } else { "FAIL" },
            self.what
        )
    }
}

/// Makes every attempt. Call it inside the sandbox. What a process without capabilities may not do
/// anyway (mount, reboot, raw sockets) is not tried: its EPERM would prove nothing.
#[must_use]
pub fn attempts(reach: Reach) -> Vec<Attempt> {
    let mut attempts: Vec<_> = [
        ("socket(AF_UNIX)", libc::AF_UNIX, true),
        ("socket(AF_INET)", libc::AF_INET, false),
        ("socket(AF_INET6)", libc::AF_INET6, false),
        ("socket(AF_NETLINK)", libc::AF_NETLINK, false),
        ("socket(AF_VSOCK)", libc::AF_VSOCK, false),
    ]
    .into_iter()
    .map(|(what, family, allowed)| {
        attempt(
            what,
            allowed,
            libc::SYS_socket,
            [family.into(), libc::SOCK_STREAM.into(), 0, 0],
        )
    })
    .collect();
    let (user, fs) = (i64::from(libc::CLONE_NEWUSER), i64::from(libc::CLONE_FS));
    // Arguments that are no good: a call that passed the filter would answer with another error
    // and do nothing.
    attempts.extend([
        attempt(
            "io_uring_setup",
            false,
            libc::SYS_io_uring_setup,
            [8, 0, 0, 0],
        ),
        attempt("recvmsg", false, libc::SYS_recvmsg, [-1, 0, 0, 0]),
        attempt("execve", false, libc::SYS_execve, [0; 4]),
        attempt(
            "ptrace",
            false,
            libc::SYS_ptrace,
            [libc::PTRACE_CONT.into(), 0, 0, 0],
        ),
        attempt(
            "unshare(user)",
            false,
            libc::SYS_unshare,
            [user | 1, 0, 0, 0],
        ),
        attempt("clone(user)", false, libc::SYS_clone, [user | fs, 0, 0, 0]),
        attempt(
            "kill(self, 0)",
            false,
            libc::SYS_kill,
            [i64::from(std::process::id()), 0, 0, 0],
        ),
    ]);
    if reach == Reach::Probe {
        attempts.push(attempt("connect", false, libc::SYS_connect, [-1, 0, 0, 0]));
    }
    attempts.push(Attempt {
        what: "thread",
        result: thread(),
        allowed: true,
    });
    attempts
}

fn attempt(what: &'static str, allowed: bool, call: i64, arguments: [i64; 4]) -> Attempt {
    let [a, b, c, d] = arguments;
    let null = ptr::null::<u8>();
    // SAFETY: the pointers among the arguments are null, and no call above changes this process:
    // but for `socket` each has arguments that the kernel refuses.
    let result = unsafe { libc::syscall(call, a, b, c, d, null, null) };
    Attempt {
        what,
        result: Errno::result(result).map(drop),
        allowed,
    }
}

/// A thread starts: `clone` is allowed where it makes no namespace, `clone3` says ENOSYS.
fn thread() -> Result<(), Errno> {
    let errno = |error: io::Error| Errno::from_raw(error.raw_os_error().unwrap_or_default());
    let handle = std::thread::Builder::new().spawn(|| ()).map_err(errno)?;
    handle.join().map_err(|_| Errno::ECANCELED)
}
