//! This workspace's own programs, built when a test needs them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The workspace's directory.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Cargo, in the workspace, as if it had been called from a shell.
#[must_use]
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace());
    // What `cargo test` tells the program it runs would make build scripts run
    // again, and with them half of a release build.
    let told = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CRATE_",
        "CARGO_PRIMARY_",
    ];
    for (name, _) in std::env::vars() {
        if told.iter().any(|prefix| name.starts_with(prefix)) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// `node-probe` without its cluster part, which is enough for `check` and builds
/// in seconds, in a target directory of its own: its features are no others'.
///
/// # Errors
/// When it does not build.
pub fn check_program() -> Result<PathBuf> {
    let mut cargo = cargo();
    cargo.args(["build", "--quiet", "--locked", "--package", "node-probe"]);
    cargo.args(["--no-default-features", "--target-dir", "target/check"]);
    if !cargo.status().context("cannot run cargo")?.success() {
        bail!("node-probe did not build: see cargo's message above");
    }
    Ok(workspace().join("target/check/debug/node-probe"))
}

/// A program of this workspace as it is built for tests, beside the program `other`.
///
/// # Errors
/// When it does not build.
pub fn build_program(name: &str, other: &Path) -> Result<PathBuf> {
    let dir = other.parent().context("the other program has no folder")?;
    let target = dir.parent().context("that folder has no parent")?;
    let mut cargo = cargo();
    cargo.args(["build", "--quiet", "--locked", "--package", name]);
    cargo.arg("--target-dir").arg(target);
    if !cargo.status().context("cannot run cargo")?.success() {
        bail!("{name} did not build: see cargo's message above");
    }
    Ok(dir.join(name))
}
