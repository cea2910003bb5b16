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

/// Builds the release binaries, statically linked, and packs each into an
/// image `unstall/<name>:<version>`.
///
/// # Errors
/// When cargo fails or an archive cannot be written.
pub fn build_workspace_images() -> Result<WorkspaceImages> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(&workspace)
        // The images hold nothing but the binary: no C library beside it.
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .args(["build", "--release", "--locked", "--target", &target]);
    // What `cargo test` tells the program it runs would make build scripts run
    // again, and with them half of the release build.
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
