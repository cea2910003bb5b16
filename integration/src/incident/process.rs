//! The incident's processes: how they end with their maker.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::SigSet;

/// A child of the maker inherits its blocked signals, and would then be deaf to all but SIGKILL.
pub(crate) fn hear_signals() -> io::Result<()> {
    Ok(SigSet::all().thread_unblock()?)
}

/// Waits up to `limit` for the maker to close the child's standard input, which the kernel does
/// when the maker dies. A parent-death signal would not do: it follows the parent's thread, and a
/// test's thread ends before its process.
pub(crate) fn maker_is_gone(limit: Duration) -> io::Result<bool> {
    let stdin = io::stdin();
    let mut watched = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
    Ok(poll(&mut watched, timeout)? > 0)
}
