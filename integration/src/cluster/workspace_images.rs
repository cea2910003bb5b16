//! The product's own images, from the static binaries of this workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::image::{ImageSpec, write_image};

/// Cargo package, binary and image name of everything that the chart deploys.
const IMAGES: [(&str, &str); 2] = [
    ("node-probe", "node-probe"),
    ("unstall-controller", "unstall-controller"),
];

/// The product's images as OCI archives.
#[derive(Debug, Clone)]
pub struct WorkspaceImages {
    /// One archive per image.
    pub archives: Vec<PathBuf>,
    /// Their common tag.
    pub tag: String,
}

/// Builds a program of this workspace as it is built for tests, beside the program `other`.
///
/// # Errors
/// When cargo fails.
pub fn build_program(name: &str, other: &Path) -> Result<PathBuf> {
    let dir = other.parent().context("the other program has no folder")?;
    let target = dir.parent().context("that folder has no parent")?;
    let mut cargo = cargo();
    cargo.args([
        "build",
        "--quiet",
        "--locked",
        "--package",
        name,
        "--target-dir",
    ]);
    cargo.arg(target);
    if !cargo.status().context("cannot run cargo")?.success() {
        bail!("{name} did not build: see cargo's message above");
    }
    Ok(dir.join(name))
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Cargo in the workspace. What `cargo test` tells the program it runs would make build scripts
/// run again, and with them half of a build.
fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
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
    cargo.current_dir(workspace());
    cargo
}

/// Builds the release binaries, statically linked, and packs each into an
/// image `unstall/<name>:<version>`.
///
/// # Errors
/// When cargo fails or an archive cannot be written.
pub fn build_workspace_images() -> Result<WorkspaceImages> {
    let workspace = workspace();
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut cargo = cargo();
    cargo
        // The images hold nothing but the binary: no C library beside it.
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .args(["build", "--release", "--locked", "--target", &target]);
    for (package, _) in IMAGES {
        cargo.args(["--package", package]);
    }
    if !cargo.status().context("cannot run cargo")?.success() {
        bail!("the release binaries did not build: see cargo's message above");
    }
    let binaries = workspace.join("target").join(&target).join("release");
    let tag = env!("CARGO_PKG_VERSION").to_owned();
    let mut archives = Vec::new();
    for (_, name) in IMAGES {
        let archive = binaries.join(format!("{name}.image.tar"));
        let reference = format!("docker.io/unstall/{name}:{tag}");
        write_image(&archive, &ImageSpec::new(&reference, &binaries.join(name)))?;
        archives.push(archive);
    }
    Ok(WorkspaceImages { archives, tag })
}
