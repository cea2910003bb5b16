//! One look at all of it.

use std::path::PathBuf;

use super::error::Untold;
use super::sentinel::{SentinelPath, reboot_required};
use super::staged::{Staged, os_release, staged};
use super::tree::Tree;

/// Where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFiles {
    /// The host's root, or a folder with its `boot`, `etc/os-release` and `run`.
    pub root: PathBuf,
    /// The file that asks for a reboot, on the host; `None` for the distribution's
    /// own.
    pub sentinel: Option<SentinelPath>,
}

/// What a look told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostState {
    /// The kernel that the next boot would run.
    pub staged: Result<Staged, Untold>,
    /// Whether the distribution asks for a reboot.
    pub reboot_required: Result<bool, Untold>,
}

/// Looks once. It reads some ten small files, which may lie on a mount that
/// hangs: not for a thread that must not wait.
#[must_use]
pub fn look(files: &HostFiles) -> HostState {
    let tree = match Tree::open(&files.root) {
        Ok(tree) => tree,
        Err(error) => {
            return HostState {
                staged: Err(error.clone()),
                reboot_required: Err(error),
            };
        }
    };
    let os = os_release(&tree);
    HostState {
        staged: staged(&tree, &os),
        reboot_required: reboot_required(&tree, &os, files.sentinel.as_ref()),
    }
}
