//! The product's own images, from the static binaries of this workspace.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::image::{ImageSpec, write_image};
use crate::released::static_binaries;
use crate::workspace::workspace;

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
    let binaries = static_binaries(&IMAGES.map(|(package, _)| package))?;
    let tag = env!("CARGO_PKG_VERSION").to_owned();
    let folder = workspace().join("target/images");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut archives = Vec::new();
    for (_, name) in IMAGES {
        let archive = folder.join(format!("{name}.image.tar"));
        let reference = format!("docker.io/unstall/{name}:{tag}");
        write_image(&archive, &ImageSpec::new(&reference, &binaries.join(name)))?;
        archives.push(archive);
    }
    Ok(WorkspaceImages { archives, tag })
}
