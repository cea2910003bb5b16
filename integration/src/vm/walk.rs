//! The kernel that Unstall exists for: every read of `memory.stat` walks every
//! memory cgroup, dead ones included. Debian has none before 5.2 any more, so
//! one is built from its 5.10 with 42a300353577 undone by a patch.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::apt::Apt;
use super::command::run;
use crate::cluster::Progress;

/// Where the sources come from.
pub const SUITE: &str = "bullseye-security";
const PACKAGE: &str = "linux-source-5.10";
const PATCH: &str = include_str!("../../data/vm/walk-5.10.patch");
const CONFIG: &str = include_str!("../../data/vm/walk-5.10.config");
/// What is cached of it.
pub const FILES: [&str; 6] = [
    "vmlinuz",
    "release",
    AS_NEWER[0],
    AS_NEWER[1],
    "modules",
    "tree",
];
/// The image that calls itself newer, and what it calls itself.
pub const AS_NEWER: [&str; 2] = ["vmlinuz-newer", "release-newer"];
/// What its Makefile then says: above 6.12, which roll-outs lead to.
const NEWER: [&str; 2] = ["VERSION=6", "PATCHLEVEL=13"];
/// A build on two busy CPUs took a quarter of it.
const LIMIT: Duration = Duration::from_secs(1_800);

/// The cache's key: another patch or configuration is another kernel.
pub fn key() -> String {
    let hash = Sha256::new().chain_update(PATCH).chain_update(CONFIG);
    let short: String = hash
        .finalize()
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("kernel-{SUITE}-5.10-walk-{short}")
}

/// Fetches, patches, configures and builds it in `dir`.
///
/// # Errors
/// When the source cannot be had, or the compiler and what it needs lack.
pub fn build(dir: &Path) -> Result<()> {
    let mut progress = Progress::new("virtual machines", 3);
    let (apt_dir, tree) = (dir.join("apt"), dir.join("source"));
    progress.step("the source of Linux 5.10 (122 MB)", |_| {
        let apt = Apt::update(&apt_dir, SUITE)?;
        apt.unpack(&[PACKAGE.to_owned()], &apt_dir.join("unpacked"))?;
        unpack_source(&apt_dir.join("unpacked"), &tree)
    })?;
    progress.step("Linux 5.10 with the walk (4 min on 2 cores, once)", |_| {
        compile(&tree)
            .context("a kernel needs gcc, make, patch, flex, bison, bc, libelf-dev and libssl-dev")
    })?;
    keep(dir, &tree, &[], ["vmlinuz", "release"])?;
    progress.step("the same, calling itself newer", |_| {
        make(&tree, &[&NEWER[..], &[&jobs(), "bzImage"]].concat()).map(drop)
    })?;
    keep(dir, &tree, &NEWER, AS_NEWER)?;
    // Everything is built in.
    for none in ["modules", "tree"] {
        fs::create_dir(dir.join(none))?;
    }
    fs::remove_dir_all(apt_dir)?;
    fs::remove_dir_all(tree)?;
    Ok(())
}

/// What no x86 build reads is left packed.
fn unpack_source(package: &Path, tree: &Path) -> Result<()> {
    fs::create_dir_all(tree)?;
    let mut tar = Command::new("tar");
    tar.arg("-xJf")
        .arg(package.join(format!("usr/src/{PACKAGE}.tar.xz")))
        .arg("-C")
        .arg(tree)
        .arg("--strip-components=1");
    for left in ["Documentation/*/*", "tools/testing", "arch/*/boot/dts"] {
        tar.arg(format!("--exclude={PACKAGE}/{left}"));
    }
    run(&mut tar, LIMIT).map(drop)
}

fn compile(tree: &Path) -> Result<()> {
    let (patch, config) = (tree.join("walk.patch"), tree.join("walk.config"));
    fs::write(&patch, PATCH)?;
    fs::write(&config, CONFIG)?;
    let mut apply = Command::new("patch");
    apply.args(["--strip=1", "--fuzz=0", "--input"]).arg(&patch);
    run(apply.current_dir(tree), LIMIT)?;
    make(tree, &["tinyconfig"])?;
    let mut merge = Command::new("scripts/kconfig/merge_config.sh");
    merge.args(["-m", ".config", "walk.config"]);
    run(merge.current_dir(tree), LIMIT)?;
    make(tree, &["olddefconfig"])?;
    make(tree, &[&jobs(), "bzImage"]).map(drop)
}

/// Keeps what was built, and what it calls itself.
fn keep(dir: &Path, tree: &Path, version: &[&str], [image, release]: [&str; 2]) -> Result<()> {
    fs::copy(tree.join("arch/x86/boot/bzImage"), dir.join(image))?;
    let named = make(tree, &[version, &["-s", "kernelrelease"]].concat())?;
    Ok(fs::write(dir.join(release), named)?)
}

fn jobs() -> String {
    format!(
        "-j{}",
        std::thread::available_parallelism().map_or(1, usize::from)
    )
}

fn make(tree: &Path, arguments: &[&str]) -> Result<String> {
    let mut make = Command::new("make");
    run(make.current_dir(tree).args(arguments), LIMIT)
}
