//! What the kernel starts: busybox, the modules for its disk, and the caller's
//! files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::apt::Apt;
use super::command::run;
use super::files::Files;
use super::kernel::KernelFiles;
use crate::cluster::{Progress, cache_entry};

const INIT: &str = include_str!("../../data/vm/init.sh");
const LIMIT: Duration = Duration::from_secs(60);

/// Debian's static busybox, from the cache once it is there.
///
/// # Errors
/// When Debian's mirror cannot be reached.
pub fn busybox() -> Result<PathBuf> {
    let dir = cache_entry("busybox-bookworm", &["busybox"], |dir| {
        Progress::new("virtual machines", 1).step("busybox", |_| {
            let (apt_dir, unpacked) = (dir.join("apt"), dir.join("unpacked"));
            let apt = Apt::update(&apt_dir, "bookworm")?;
            apt.unpack(&["busybox-static".to_owned()], &unpacked)?;
            fs::copy(unpacked.join("bin/busybox"), dir.join("busybox"))?;
            fs::remove_dir_all(apt_dir)?;
            fs::remove_dir_all(unpacked)?;
            Ok(())
        })
    })?;
    Ok(dir.join("busybox"))
}

/// Writes the initial root file system to `archive`, with `files` below
/// `/files`, from where `init` puts them into their places.
///
/// # Errors
/// When a file cannot be read or cpio lacks.
pub fn write(archive: &Path, kernel: &KernelFiles, files: &Files) -> Result<()> {
    let staging = tempfile::tempdir()?;
    let root = staging.path();
    let mut own = Files::default();
    own.bytes("/init", INIT, 0o755)
        .program("/bin/busybox", &busybox()?)
        .link("/bin/sh", "busybox");
    for entry in fs::read_dir(&kernel.modules)? {
        let module = entry?;
        let name = format!("/modules/{}", module.file_name().to_string_lossy());
        own.program(&name, &module.path());
    }
    own.write(root)?;
    for dir in ["dev", "proc", "sys", "files"] {
        fs::create_dir_all(root.join(dir))?;
    }
    files.write(&root.join("files"))?;
    let script = "find . -mindepth 1 -print0 | cpio -0 -o -H newc -R 0:0 --quiet >\"$1\"";
    let mut pack = Command::new("bash");
    pack.current_dir(root)
        .args(["-o", "pipefail", "-c", script, "pack"])
        .arg(archive);
    run(&mut pack, LIMIT).map(drop)
}
