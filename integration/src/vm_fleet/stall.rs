//! Dead memory cgroups in a node, made where its own kernel counts them.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::vm::VmNode;

/// A cgroup takes 2 ms to make and lose in an emulated machine.
const LIMIT: Duration = Duration::from_secs(300);

/// What keeps them from going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// Page cache of a file on the node's disk, written back: `drop_caches` frees it.
    OfAFile,
    /// Pages of a file in memory: nothing but a reboot, or its removal, frees them.
    OfMemory,
}

/// Makes `count` of them by the `incident` program that the node was given.
///
/// # Errors
/// When the node does not do it.
pub fn make_zombies(node: &VmNode, count: u32, pages: Pages) -> Result<()> {
    let place = match pages {
        Pages::OfAFile => "/var/lib",
        Pages::OfMemory => "/dev/shm",
    };
    // The worker ends when its standard input does.
    let script = format!(
        "set -e
file=$(mktemp {place}/zombies.XXXXXX)
root=/sys/fs/cgroup procs=cgroup.procs
[ -d $root/memory ] && root=$root/memory procs=tasks
[ -p /run/open ] || mkfifo /run/open
exec 3<>/run/open
incident zombie-worker --root $root --procs-file $procs --file $file --count {count} --page-size 4096 <&3
rmdir $root/unstall-incident-*"
    );
    let ran = node.run_within(&script, LIMIT)?;
    if ran.code != 0 {
        bail!("no zombies in {}: {ran:?}", node.name());
    }
    Ok(())
}
