//! The system calls that the actuator may make. Everything else fails with EPERM: every socket but
//! a Unix one, io_uring, executing a program, new namespaces.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

/// Allowed whatever the arguments, by what needs them.
#[rustfmt::skip]
const ALLOWED: &[i64] = &[
    // Files: the keys, the journal, /proc, drop_caches. No chmod, chown, link or mount.
    libc::SYS_openat, libc::SYS_close, libc::SYS_read, libc::SYS_pread64, libc::SYS_write,
    libc::SYS_writev, libc::SYS_lseek, libc::SYS_fstat, libc::SYS_newfstatat, libc::SYS_statx,
    libc::SYS_getdents64, libc::SYS_fsync, libc::SYS_flock, libc::SYS_fcntl, libc::SYS_renameat,
    libc::SYS_renameat2, libc::SYS_unlinkat, libc::SYS_sync,
    // The socket, once it is made. No connect, and no sendmsg or recvmsg: those pass descriptors.
    // Where reboots are enabled there is connect.
    libc::SYS_bind, libc::SYS_listen, libc::SYS_accept4, libc::SYS_getsockopt,
    libc::SYS_setsockopt, libc::SYS_recvfrom, libc::SYS_sendto, libc::SYS_shutdown,
    // Memory.
    libc::SYS_brk, libc::SYS_mmap, libc::SYS_mprotect, libc::SYS_mremap, libc::SYS_munmap,
    libc::SYS_madvise,
    // Threads, children, signals.
    libc::SYS_futex, libc::SYS_rseq, libc::SYS_set_robust_list, libc::SYS_set_tid_address,
    libc::SYS_sched_getaffinity, libc::SYS_sched_yield, libc::SYS_prlimit64, libc::SYS_wait4,
    libc::SYS_getpid, libc::SYS_gettid, libc::SYS_tgkill, libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn, libc::SYS_rt_sigtimedwait,
    libc::SYS_sigaltstack, libc::SYS_restart_syscall, libc::SYS_exit, libc::SYS_exit_group,
    // Time and randomness (the latter for the hash maps of the standard library).
    libc::SYS_clock_gettime, libc::SYS_clock_nanosleep, libc::SYS_nanosleep, libc::SYS_getrandom,
];

/// Older forms of the above that glibc still uses where the architecture has them.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[i64] = &[libc::SYS_rename, libc::SYS_unlink];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[i64] = &[];

/// Allowed besides where reboots are enabled: to speak with the system bus by plain reads and
/// writes, as tokio does it.
const ALLOWED_FOR_THE_BUS: &[i64] = &[
    libc::SYS_connect,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
];

/// The older form that glibc uses where the architecture has it.
#[cfg(target_arch = "x86_64")]
const ALLOWED_FOR_THE_BUS_HERE: &[i64] = &[libc::SYS_epoll_wait];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_FOR_THE_BUS_HERE: &[i64] = &[];

/// What is allowed beside files, children and the probe's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Nothing.
    Probe,
    /// To connect to Unix sockets: reboots are enabled.
    ProbeAndBus,
}

/// Every namespace that `clone` could make. A user namespace would come with all capabilities.
const CLONE_NAMESPACES: i32 = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;

/// The two programs, in the order in which to install them.
///
/// The first answers `clone3` with ENOSYS: its flags are in memory, where no filter sees them, and
/// glibc then takes `clone`. The second is the allow-list.
///
/// # Errors
/// When this architecture is not supported or the rules do not compile.
pub fn programs(reach: Reach) -> Result<[BpfProgram; 2], BackendError> {
    let arch: TargetArch = std::env::consts::ARCH.try_into()?;
    let clone3 = SeccompFilter::new(
        BTreeMap::from([(libc::SYS_clone3, Vec::new())]),
        SeccompAction::Allow,
        errno(libc::ENOSYS),
        arch,
    )?;
    let allow = SeccompFilter::new(
        rules(reach)?,
        errno(libc::EPERM),
        SeccompAction::Allow,
        arch,
    )?;
    Ok([clone3.try_into()?, allow.try_into()?])
}

fn rules(reach: Reach) -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    let for_the_bus: [&[i64]; 2] = match reach {
        Reach::Probe => [&[], &[]],
        Reach::ProbeAndBus => [ALLOWED_FOR_THE_BUS, ALLOWED_FOR_THE_BUS_HERE],
    };
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED
        .iter()
        .chain(ALLOWED_HERE)
        .chain(for_the_bus.into_iter().flatten())
        .map(|call| (*call, Vec::new()))
        .collect();
    // For the first filter to answer.
    rules.insert(libc::SYS_clone3, Vec::new());
    let mut only = |call, argument, op, value: i32| -> Result<(), BackendError> {
        let value = u64::from(value.unsigned_abs());
        let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, op, value)?;
        rules
            .entry(call)
            .or_default()
            .push(SeccompRule::new(vec![condition])?);
        Ok(())
    };
    only(libc::SYS_socket, 0, SeccompCmpOp::Eq, libc::AF_UNIX)?;
    if reach == Reach::ProbeAndBus {
        // tokio wakes itself by a pair.
        only(libc::SYS_socketpair, 0, SeccompCmpOp::Eq, libc::AF_UNIX)?;
    }
    let namespaces = u64::from(CLONE_NAMESPACES.unsigned_abs());
    only(libc::SYS_clone, 0, SeccompCmpOp::MaskedEq(namespaces), 0)?;
    // A child is killed; nobody is signalled otherwise.
    only(libc::SYS_kill, 1, SeccompCmpOp::Eq, libc::SIGKILL)?;
    only(libc::SYS_prctl, 0, SeccompCmpOp::Eq, libc::PR_SET_PDEATHSIG)?;
    Ok(rules)
}

fn errno(number: i32) -> SeccompAction {
    SeccompAction::Errno(number.unsigned_abs())
}
