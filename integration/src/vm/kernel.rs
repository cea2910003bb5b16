//! The kernels: each of another way to read `memory.stat` and to count.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::apt::Apt;
use super::command::run;
use super::walk;
use crate::cluster::{Progress, cache_entry};

/// Debian's package that stands for a suite's newest kernel for machines such
/// as these.
const META: &str = "linux-image-cloud-amd64";
/// What a disk on virtio needs, in the order of loading. What a kernel has
/// built in it has no module of; ext4 is built in everywhere.
const MODULES: [&str; 6] = [
    "virtio",
    "virtio_ring",
    "virtio_pci_modern_dev",
    "virtio_pci_legacy_dev",
    "virtio_pci",
    "virtio_blk",
];
const LIMIT: Duration = Duration::from_secs(120);

/// A kernel that virtual machines run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// 5.10 with the O(memcgs) walk of kernels before 5.2: every read of a
    /// version 1 `memory.stat` adds up every cgroup below, dead ones included.
    Walk,
    /// The same, built to call itself 6.13: a newer kernel that is worse.
    WalkAsNewer,
    /// 6.1: flushes at a read, counts dying cgroups of all controllers together.
    Linux6_1,
    /// 6.12: counts the memory controller's dying ones by themselves.
    Linux6_12,
    /// 7.x: releases dead cgroups, and has no memory row in `/proc/cgroups`.
    Linux7,
}

/// What is cached of a kernel.
#[derive(Clone, Debug)]
pub struct KernelFiles {
    /// The image that QEMU starts.
    pub image: PathBuf,
    /// Modules that it needs for its disk, by name in the order of loading.
    pub modules: PathBuf,
    /// All its modules, as they lie below `/lib/modules`; nothing where none are.
    pub tree: PathBuf,
    /// What `uname -r` says under it.
    pub release: String,
}

impl Kernel {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Walk,
        Self::WalkAsNewer,
        Self::Linux6_1,
        Self::Linux6_12,
        Self::Linux7,
    ];

    /// Debian's suite that has it, and how its version begins.
    fn origin(self) -> (&'static str, &'static str) {
        match self {
            Self::Walk | Self::WalkAsNewer => (walk::SUITE, "5.10"),
            Self::Linux6_1 => ("bookworm", "6.1"),
            Self::Linux6_12 => ("bookworm-backports", "6.12"),
            Self::Linux7 => ("sid", "7"),
        }
    }

    /// Its files, from the cache once they are there. The newest version of its
    /// series is taken when the cache lacks it; a warm cache asks no network.
    ///
    /// # Errors
    /// When Debian's mirror cannot be reached, the suite has another series by
    /// now, or a build fails.
    pub fn ensure(self) -> Result<KernelFiles> {
        let (suite, series) = self.origin();
        let dir = match self {
            Self::Walk | Self::WalkAsNewer => cache_entry(&walk::key(), &walk::FILES, walk::build)?,
            _ => {
                let key = format!("kernel-{suite}-{series}-whole");
                let expected = ["vmlinuz", "modules", "tree", "release"];
                cache_entry(&key, &expected, |dir| {
                    Progress::new("virtual machines", 1)
                        .step(&format!("Linux {series} of Debian {suite}"), |_| {
                            fetch(dir, suite, series)
                        })
                })?
            }
        };
        let [image, release] = match self {
            Self::WalkAsNewer => walk::AS_NEWER,
            _ => ["vmlinuz", "release"],
        };
        Ok(KernelFiles {
            image: dir.join(image),
            modules: dir.join("modules"),
            tree: dir.join("tree"),
            release: fs::read_to_string(dir.join(release))?.trim().to_owned(),
        })
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Walk => "5.10-walk",
            Self::WalkAsNewer => "6.13-walk",
            Self::Linux6_1 => "6.1",
            Self::Linux6_12 => "6.12",
            Self::Linux7 => "7",
        })
    }
}

fn fetch(dir: &Path, suite: &str, series: &str) -> Result<()> {
    let (apt_dir, unpacked) = (dir.join("apt"), dir.join("unpacked"));
    let apt = Apt::update(&apt_dir, suite)?;
    apt.unpack(&apt.kernel_packages(META)?, &unpacked)?;
    let tree = find_dir(&unpacked, &["lib/modules", "usr/lib/modules"])?;
    let release = tree
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    if !release.starts_with(&format!("{series}.")) {
        bail!(
            "Debian {suite} has Linux {release} by now, not {series}: change integration/src/vm/kernel.rs"
        );
    }
    let boot = unpacked.join(format!("boot/vmlinuz-{release}"));
    let image = [boot, tree.join("vmlinuz")]
        .into_iter()
        .find(|path| path.is_file())
        .with_context(|| format!("the packages of Linux {release} hold no vmlinuz"))?;
    fs::copy(image, dir.join("vmlinuz"))?;
    keep_modules(&tree, &dir.join("modules"))?;
    fs::write(dir.join("release"), &release)?;
    fs::create_dir(dir.join("tree"))?;
    fs::rename(&tree, dir.join("tree").join(&release))?;
    fs::remove_dir_all(apt_dir)?;
    fs::remove_dir_all(unpacked)?;
    Ok(())
}

/// The only directory in one of `places`.
fn find_dir(root: &Path, places: &[&str]) -> Result<PathBuf> {
    for place in places {
        if let Ok(mut entries) = fs::read_dir(root.join(place))
            && let Some(entry) = entries.next()
        {
            return Ok(entry?.path());
        }
    }
    bail!("the kernel's packages hold no modules")
}

/// Copies those of [`MODULES`] that there are, unpacked and numbered.
fn keep_modules(tree: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let all = run(
        Command::new("find")
            .arg(tree)
            .args(["-name", "virtio*.ko*"]),
        LIMIT,
    )?;
    for (number, module) in MODULES.iter().enumerate() {
        let target = to.join(format!("{number}-{module}.ko"));
        let is_it = |ending: &str| {
            let name = format!("/{module}.ko{ending}");
            all.lines().find(|path| path.ends_with(&name))
        };
        if let Some(plain) = is_it("") {
            fs::copy(plain, target)?;
        } else if let Some(packed) = is_it(".xz") {
            let copy = to.join(format!("{number}-{module}.ko.xz"));
            fs::copy(packed, &copy)?;
            run(Command::new("unxz").arg(copy), LIMIT)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_kept_in_the_order_of_loading() {
        let root = tempfile::tempdir().unwrap();
        let tree = root.path().join("7.2/kernel/drivers");
        fs::create_dir_all(&tree).unwrap();
        for name in ["virtio_blk.ko", "virtio.ko", "virtio_net.ko"] {
            fs::write(tree.join(name), "module").unwrap();
        }
        let to = root.path().join("kept");
        keep_modules(&root.path().join("7.2"), &to).unwrap();
        let mut kept: Vec<_> = fs::read_dir(&to)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        kept.sort();
        assert_eq!(kept, ["0-virtio.ko", "5-virtio_blk.ko"]);
    }

    #[test]
    fn a_suite_without_the_kernel_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let error = find_dir(root.path(), &["lib/modules"]).unwrap_err();
        assert!(error.to_string().contains("no modules"), "{error}");
    }
}
