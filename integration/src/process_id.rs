//! Processes, told apart by their start: numbers come again.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// How long a killed process may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// A process, told from a later one with the same number by its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// Its number.
    pub pid: u32,
    /// When it started, in clock ticks since boot (field 22 of `/proc/PID/stat`).
    start_ticks: u64,
}

impl ProcessId {
    /// The process that has this number now.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(pid: u32) -> io::Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let (_, start_ticks) =
            parse_stat(&text).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        Ok(Self { pid, start_ticks })
    }

    /// Whether the same process still runs. One that is dead and only not yet waited for does not.
    #[must_use]
    pub fn is_alive(self) -> bool {
        fs::read_to_string(format!("/proc/{}/stat", self.pid))
            .ok()
            .and_then(|text| parse_stat(&text))
            .is_some_and(|(state, start)| start == self.start_ticks && !matches!(state, 'Z' | 'X'))
    }

    /// Sends it `signal` if it still is the same process; says whether it did.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn signal(self, signal: Signal) -> io::Result<bool> {
        if !self.is_alive() {
            return Ok(false);
        }
        kill(self.number()?, signal)?;
        Ok(true)
    }

    fn number(self) -> io::Result<Pid> {
        let number = i32::try_from(self.pid).map_err(io::Error::other)?;
        Ok(Pid::from_raw(number))
    }

    /// Kills it if it still is the same process and runs our program in this role; says whether it
    /// did.
    ///
    /// # Errors
    /// When the kernel refuses, or it is not gone in 10 s.
    pub fn kill_if_role(self, role: &str) -> io::Result<bool> {
        let arguments = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let in_role = arguments
            .split(|byte| *byte == 0)
            .any(|one| one == role.as_bytes());
        if !in_role || !self.is_alive() {
            return Ok(false);
        }
        kill(self.number()?, Signal::SIGKILL)?;
        let until = Instant::now() + GONE_WITHIN;
        while self.is_alive() {
            if Instant::now() > until {
                return Err(io::ErrorKind::TimedOut.into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(true)
    }
}

/// State letter and start time from `/proc/PID/stat`. The command in parentheses may hold anything,
/// blanks and parentheses too.
fn parse_stat(text: &str) -> Option<(char, u64)> {
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_parentheses_is_read() {
        let text = "42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20 21";
        assert_eq!(parse_stat(text), Some(('S', 777)));
        assert_eq!(parse_stat("42 (a) S 1 2"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn another_start_or_role_is_another_process() {
        let me = ProcessId::of(std::process::id()).unwrap();
        assert!(me.is_alive());
        assert!(
            !ProcessId {
                start_ticks: me.start_ticks + 1,
                ..me
            }
            .is_alive()
        );
        assert!(!me.kill_if_role("pulser").unwrap());
        let other = ProcessId {
            start_ticks: me.start_ticks + 1,
            ..me
        };
        assert!(!other.signal(Signal::SIGKILL).unwrap());
    }
}
