//! Everything that virtual machines are made of, at once.

use anyhow::Result;

use super::kernel::Kernel;
use super::{ensure_disk, initramfs, root_disk};

/// Gets or builds every kernel, busybox and the disk into the cache.
///
/// # Errors
/// When Debian's mirror cannot be reached or a build fails.
pub fn prepare() -> Result<()> {
    for kernel in Kernel::ALL {
        kernel.ensure()?;
    }
    initramfs::busybox()?;
    root_disk::ensure()?;
    ensure_disk().map(drop)
}
