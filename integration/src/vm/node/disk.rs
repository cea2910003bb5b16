//! The disk of a node: Debian with systemd, the kubelet and what it needs, and
//! every kernel that a node may be given, with its modules.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::super::command::run;
use super::super::kernel::{Kernel, KernelFiles};
use super::super::root_disk::{bootstrap, format};
use crate::cluster::{ImageSpec, Progress, Toolchain, cache_entry, ensure, write_image};

/// Debian's part. A node loads the modules of its network and of its pods.
const PACKAGES: &str =
    "systemd-sysv,dbus,libpam-systemd,udev,kmod,iproute2,mount,libseccomp2,sysvinit-utils";
/// Sparse; a quarter of it is used before the first boot.
const SIZE: &str = "4G";
const LIMIT: Duration = Duration::from_secs(120);
/// Where kernels lie that a node can be given, as a mirror of packages would.
pub const KERNELS: &str = "/usr/lib/unstall-kernels";
/// The kernels that nodes boot.
pub const NODE_KERNELS: [Kernel; 4] = [
    Kernel::Linux6_1,
    Kernel::Linux6_12,
    Kernel::Walk,
    Kernel::WalkAsNewer,
];
const PROGRAMS: [&str; 5] = [
    "kubelet",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "runc",
];
const PLUGINS: [&str; 3] = ["bridge", "loopback", "host-local"];

/// The image, from the cache once it is there: by everything that is in it.
///
/// # Errors
/// When something of it cannot be had or built, or this process is not root's.
pub fn ensure_disk() -> Result<PathBuf> {
    let toolchain = ensure(true)?;
    let kernels = NODE_KERNELS
        .into_iter()
        .map(Kernel::ensure)
        .collect::<Result<Vec<_>>>()?;
    let dir = cache_entry(&key(&toolchain, &kernels), &["root.img"], |dir| {
        Progress::new("virtual machines", 1)
            .step("a disk with Debian, kubelet and containerd", |_| {
                build(dir, &toolchain, &kernels)
            })
    })?;
    Ok(dir.join("root.img"))
}

fn key(toolchain: &Toolchain, kernels: &[KernelFiles]) -> String {
    let mut hash = Sha256::new().chain_update(PACKAGES).chain_update(SIZE);
    for name in PROGRAMS.iter().chain(&PLUGINS) {
        // Their folders are named by their versions.
        hash.update(toolchain.program(name).to_string_lossy().as_bytes());
    }
    for kernel in kernels {
        hash.update(kernel.image.to_string_lossy().as_bytes());
        hash.update(&kernel.release);
    }
    let digest = hash.finalize();
    let short: String = digest.iter().take(4).map(|b| format!("{b:02x}")).collect();
    format!("disk-node-{short}")
}

fn build(dir: &Path, toolchain: &Toolchain, kernels: &[KernelFiles]) -> Result<()> {
    let root = dir.join("root");
    bootstrap(&root, PACKAGES)?;
    let place = |from: &Path, to: &str| -> Result<()> {
        let to = root.join(to.trim_start_matches('/'));
        fs::create_dir_all(to.parent().unwrap_or(&root))?;
        fs::copy(from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        Ok(())
    };
    for name in PROGRAMS {
        place(&toolchain.program(name), &format!("/usr/local/bin/{name}"))?;
    }
    for name in PLUGINS {
        place(&toolchain.program(name), &format!("/opt/cni/bin/{name}"))?;
    }
    for kernel in kernels {
        place(
            &kernel.image,
            &format!("{KERNELS}/vmlinuz-{}", kernel.release),
        )?;
        add_modules(&root, kernel)?;
    }
    let images = root.join("var/lib/unstall-images");
    fs::create_dir_all(&images)?;
    let pause = ImageSpec::new("unstall.dev/pause:1", &toolchain.program("pause"));
    write_image(&images.join("pause.tar"), &pause)?;
    format(&root, &dir.join("root.img"), SIZE)
}

/// Copies a kernel's modules and lists what each needs.
fn add_modules(root: &Path, kernel: &KernelFiles) -> Result<()> {
    let tree = kernel.tree.join(&kernel.release);
    if !tree.is_dir() {
        return Ok(());
    }
    let all = root.join("usr/lib/modules");
    fs::create_dir_all(&all)?;
    run(Command::new("cp").arg("-a").arg(&tree).arg(&all), LIMIT)?;
    let mut list = Command::new("chroot");
    list.arg(root).args(["depmod", &kernel.release]);
    run(&mut list, LIMIT).map(drop)
}
