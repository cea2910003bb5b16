//! A disk with Debian and systemd: what really reboots.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::apt;
use super::command::run;
use crate::cluster::{Progress, cache_entry};

const SUITE: &str = "bookworm";
/// systemd with logind on a system bus. logind stops sessions through PAM's
/// module, and udev is what says that the devices are there.
const PACKAGES: &str = "systemd-sysv,dbus,libpam-systemd,udev";
/// Sparse: about 240 MB of it are used.
const SIZE: &str = "1G";
const LIMIT: Duration = Duration::from_secs(600);

/// The image, from the cache once it is there. Nobody writes to it: each virtual
/// machine has a copy of its own.
///
/// # Errors
/// When Debian's mirror cannot be reached, or this process is not root's.
pub fn ensure() -> Result<PathBuf> {
    let key = format!("disk-{SUITE}-{}", PACKAGES.replace(',', "-"));
    let dir = cache_entry(&key, &["root.img"], |dir| {
        Progress::new("virtual machines", 1)
            .step(&format!("a disk with Debian {SUITE} and systemd"), |_| {
                build(dir)
            })
    })?;
    Ok(dir.join("root.img"))
}

fn build(dir: &Path) -> Result<()> {
    let root = dir.join("root");
    bootstrap(&root, PACKAGES)?;
    format(&root, &dir.join("root.img"), SIZE)
}

/// Puts Debian with `packages` (comma-separated) below `root`.
///
/// # Errors
/// When Debian's mirror cannot be reached, or this process is not root's.
pub fn bootstrap(root: &Path, packages: &str) -> Result<()> {
    let acquire = root.with_extension("acquire.conf");
    fs::write(&acquire, apt::acquire()?)?;
    let mut debootstrap = Command::new("mmdebstrap");
    debootstrap
        .args(["--mode=root", "--variant=minbase", "--quiet"])
        .arg(format!("--include={packages}"))
        .arg(format!("--aptopt={}", acquire.display()))
        .arg(SUITE)
        .arg(root)
        .arg(apt::source(SUITE)?);
    run(&mut debootstrap, LIMIT).context("a disk needs mmdebstrap, and root")?;
    fs::remove_file(acquire)?;
    // Each boot would be a first one without it. It names no machine: all have it.
    fs::write(
        root.join("etc/machine-id"),
        "0123456789abcdef0123456789abcdef\n",
    )?;
    let hosts = "127.0.0.1 localhost\n::1 localhost\n";
    Ok(fs::write(root.join("etc/hosts"), hosts)?)
}

/// Makes a disk of `size` of what lies below `root`, which goes.
///
/// # Errors
/// When it does not fit.
pub fn format(root: &Path, image: &Path, size: &str) -> Result<()> {
    let mut format = Command::new("mke2fs");
    format.args(["-q", "-t", "ext4", "-d"]);
    format.arg(root).arg(image).arg(size);
    run(&mut format, LIMIT)?;
    Ok(fs::remove_dir_all(root)?)
}
