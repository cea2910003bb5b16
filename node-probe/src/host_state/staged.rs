//! The kernel that the next boot would run: who is asked for it, in which order.

use unstall_crds::units::KernelVersion;

use super::error::Untold;
use super::grub::Grub;
use super::os_release::OsRelease;
use super::systemd_boot;
use super::tree::Tree;

/// The kernel that the next boot would run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    /// Its release, as `uname -r` will print it.
    pub release: KernelVersion,
    /// By what that is known, to follow the release.
    pub by: &'static str,
}

impl Staged {
    pub(super) fn new(release: KernelVersion, by: &'static str) -> Self {
        Self { release, by }
    }
}

/// An `os-release` has some ten lines.
const OS_RELEASE_MAX: usize = 64 * 1024;

/// What the host is.
///
/// # Errors
/// If its `os-release` cannot be read.
pub fn os_release(tree: &Tree) -> Result<OsRelease, Untold> {
    let first = "etc/os-release";
    let (path, text) = match tree.text(first, OS_RELEASE_MAX) {
        Err(error) if error.is_missing() => {
            let second = "usr/lib/os-release";
            // The one of /etc is what people know of.
            (
                second,
                tree.text(second, OS_RELEASE_MAX).map_err(|_| error)?,
            )
        }
        text => (first, text?),
    };
    OsRelease::parse(&tree.shown(path), &text)
}

/// The kernel that the next boot would run.
///
/// # Errors
/// Why that cannot be told.
pub fn staged(tree: &Tree, os: &Result<OsRelease, Untold>) -> Result<Staged, Untold> {
    let boot = tree.shown("boot");
    if !tree.is_folder("boot")? {
        return Err(Untold::errno(&boot, rustix::io::Errno::NOENT));
    }
    let is_image = match os {
        Ok(os) => os.is_image(),
        Err(_) => false,
    };
    if is_image || tree.is_folder("boot/ostree")? {
        let why = "this host boots images: the next one is not in this one's /boot";
        return Err(Untold::open(&boot, why));
    }
    let grub = grub_folder(tree)?;
    let systemd_boot = systemd_boot_partition(tree);
    match (grub, systemd_boot) {
        (Some(_), Ok(Some(partition))) => {
            let path = tree.shown(&systemd_boot::config(partition));
            let why =
                "GRUB is installed beside systemd-boot: only the firmware knows which is next";
            Err(Untold::open(&path, why))
        }
        // Where root alone sees the firmware's partition, GRUB's folder is the answer.
        (Some(dir), Ok(None) | Err(_)) => Grub { tree, dir, os }.staged(),
        (None, Ok(Some(partition))) => systemd_boot::staged(tree, partition),
        (None, Err(error)) => Err(error),
        (None, Ok(None)) => {
            let why = "neither GRUB nor systemd-boot is in it: what boots this host is not known";
            Err(Untold::open(&boot, why))
        }
    }
}

/// GRUB's folder. Where there are both, the first one is in use and the other one
/// is left from earlier versions.
fn grub_folder(tree: &Tree) -> Result<Option<&'static str>, Untold> {
    for folder in ["boot/grub2", "boot/grub"] {
        if tree.is_folder(folder)? {
            return Ok(Some(folder));
        }
    }
    Ok(None)
}

/// The partition with systemd-boot's configuration.
fn systemd_boot_partition(tree: &Tree) -> Result<Option<&'static str>, Untold> {
    let mut forbidden = None;
    for partition in systemd_boot::PARTITIONS {
        match tree.is_file(&systemd_boot::config(partition)) {
            Ok(true) => return Ok(Some(partition)),
            Ok(false) => {}
            Err(error) => forbidden = Some(error),
        }
    }
    forbidden.map_or(Ok(None), Err)
}
