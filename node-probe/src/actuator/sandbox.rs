//! Gives up everything that the actuator does not need, for good, and looks whether it worked.

use std::fs;
use std::io;
use std::num::ParseIntError;

use nix::errno::Errno;
use nix::libc;
use nix::sys::stat::{Mode, umask};
use seccompiler::{BackendError, apply_filter_all_threads};

use super::seccomp::{self, Reach};

const STATUS: &str = "/proc/self/status";

/// The five capability sets of `/proc/self/status`.
const CAPABILITY_SETS: [&str; 5] = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];

/// Why the sandbox does not stand. The actuator must not run without it.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A system call failed.
    #[error("{step}: {errno}; run as user 0 in a container with capabilities drop: [ALL]")]
    Call {
        /// What was tried.
        step: &'static str,
        /// What the kernel said.
        errno: Errno,
    },
    /// Threads exist: capabilities are each thread's own.
    #[error("{threads} threads run already; the sandbox must be entered by the first alone")]
    Threads {
        /// How many.
        threads: u64,
    },
    /// The filter does not compile on this architecture.
    #[error("compiling the seccomp filter: {0}")]
    Compile(BackendError),
    /// The kernel did not take the filter.
    #[error("installing the seccomp filter: {0}; the kernel needs CONFIG_SECCOMP_FILTER")]
    Install(seccompiler::Error),
    /// The kernel's own view cannot be read.
    #[error("reading {STATUS}: {0}")]
    Status(io::Error),
    /// The kernel's own view lacks a row or shows no number in it.
    #[error("{STATUS} has no usable row {row}")]
    Row {
        /// Which.
        row: &'static str,
    },
    /// After all of it the kernel still shows a power.
    #[error(
        "{STATUS} shows {row} {value:#x}, wanted {wanted:#x}; run the container with capabilities drop: [ALL] and allowPrivilegeEscalation: false"
    )]
    NotConfined {
        /// Which row.
        row: &'static str,
        /// What it shows.
        value: u64,
        /// What it must show.
        wanted: u64,
    },
}

/// Drops every capability from every set, forbids new privileges, installs the filter on all
/// threads, and reads back from the kernel that all of it holds.
///
/// Must be called while the process has one thread, before it reads anything from outside.
///
/// # Errors
/// When any of it does not hold.
pub fn enter(reach: Reach) -> Result<(), SandboxError> {
    let threads = row(&read_status()?, "Threads", 10)?;
    if threads != 1 {
        return Err(SandboxError::Threads { threads });
    }
    // A socket gets the mode 0666, whatever mask was inherited; files are created with 0600.
    umask(Mode::from_bits_truncate(0o111));
    prctl("setting no_new_privs", libc::PR_SET_NO_NEW_PRIVS, 1, 0)?;
    prctl(
        "clearing the ambient capabilities",
        libc::PR_CAP_AMBIENT,
        libc::PR_CAP_AMBIENT_CLEAR_ALL,
        0,
    )?;
    drop_bounding_set()?;
    clear_capabilities()?;
    for program in seccomp::programs(reach).map_err(SandboxError::Compile)? {
        apply_filter_all_threads(&program).map_err(SandboxError::Install)?;
    }
    check(&read_status()?)
}

/// Compares the kernel's view of this process with what it must be.
fn check(status: &str) -> Result<(), SandboxError> {
    let wanted = CAPABILITY_SETS.map(|set| (set, 16, 0));
    // Seccomp 2 is filter mode.
    for (name, radix, wanted) in wanted
        .into_iter()
        .chain([("NoNewPrivs", 10, 1), ("Seccomp", 10, 2)])
    {
        let value = row(status, name, radix)?;
        if value != wanted {
            return Err(SandboxError::NotConfined {
                row: name,
                value,
                wanted,
            });
        }
    }
    Ok(())
}

/// Empties the bounding set: each capability that the kernel knows, until it knows no more.
fn drop_bounding_set() -> Result<(), SandboxError> {
    for capability in 0..64 {
        match prctl(
            "reading the bounding set",
            libc::PR_CAPBSET_READ,
            capability,
            0,
        ) {
            Ok(0) => {}
            Ok(_) => {
                prctl(
                    "dropping from the bounding set",
                    libc::PR_CAPBSET_DROP,
                    capability,
                    0,
                )?;
            }
            Err(SandboxError::Call {
                errno: Errno::EINVAL,
                ..
            }) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Clears the effective, permitted and inheritable sets.
fn clear_capabilities() -> Result<(), SandboxError> {
    /// `_LINUX_CAPABILITY_VERSION_3` of linux/capability.h: two words per set.
    const VERSION_3: u32 = 0x2008_0522;
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    #[repr(C)]
    struct Sets {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    const NONE: Sets = Sets {
        effective: 0,
        permitted: 0,
        inheritable: 0,
    };
    // Pid 0 is the calling thread.
    let header = Header {
        version: VERSION_3,
        pid: 0,
    };
    let sets = [NONE; 2];
    // SAFETY: both pointers are to live values in the layout that version 3 of the call reads.
    let result = unsafe {
        libc::syscall(
            libc::SYS_capset,
            std::ptr::from_ref(&header),
            std::ptr::from_ref(&sets),
        )
    };
    Errno::result(result)
        .map(drop)
        .map_err(|errno| SandboxError::Call {
            step: "clearing the capabilities",
            errno,
        })
}

fn prctl(
    step: &'static str,
    option: libc::c_int,
    first: libc::c_int,
    second: libc::c_ulong,
) -> Result<libc::c_int, SandboxError> {
    let none: libc::c_ulong = 0;
    // SAFETY: the options used here take numbers, no pointers.
    let result = unsafe {
        libc::prctl(
            option,
            libc::c_ulong::from(first.unsigned_abs()),
            second,
            none,
            none,
        )
    };
    Errno::result(result).map_err(|errno| SandboxError::Call { step, errno })
}

fn read_status() -> Result<String, SandboxError> {
    fs::read_to_string(STATUS).map_err(SandboxError::Status)
}

fn row(status: &str, name: &'static str, radix: u32) -> Result<u64, SandboxError> {
    let parse = |text: &str| -> Result<u64, ParseIntError> { u64::from_str_radix(text, radix) };
    status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .and_then(|value| parse(value.trim()).ok())
        .ok_or(SandboxError::Row { row: name })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFINED: &str = "Name:\tnode-probe\nThreads:\t1\nCapInh:\t0000000000000000\n\
        CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n\
        CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t2\n";

    #[test]
    fn a_confined_process_passes() {
        check(CONFINED).unwrap();
    }

    #[test]
    fn any_power_left_is_named() {
        for name in CAPABILITY_SETS {
            let none = format!("{name}:\t0000000000000000");
            let left = CONFINED.replace(&none, &format!("{name}:\t0000000000200000"));
            let error = check(&left).unwrap_err().to_string();
            assert!(
                error.contains(name) && error.contains("0x200000"),
                "{error}"
            );
        }
        for (name, weak) in [("NoNewPrivs", "NoNewPrivs:\t0"), ("Seccomp", "Seccomp:\t0")] {
            let strong = if name == "Seccomp" {
                "Seccomp:\t2"
            } else {
                "NoNewPrivs:\t1"
            };
            let error = check(&CONFINED.replace(strong, weak)).unwrap_err();
            assert!(matches!(error, SandboxError::NotConfined { row, .. } if row == name));
        }
    }

    #[test]
    fn a_missing_row_is_not_taken_for_confined() {
        for name in CAPABILITY_SETS.into_iter().chain(["NoNewPrivs", "Seccomp"]) {
            let cut: String = CONFINED
                .lines()
                .filter(|line| !line.starts_with(&format!("{name}:")))
                .map(|line| format!("{line}\n"))
                .collect();
            assert!(matches!(check(&cut), Err(SandboxError::Row { row }) if row == name));
        }
    }
}
