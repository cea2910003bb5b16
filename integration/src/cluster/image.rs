//! OCI images without a container engine: one layer with a few files.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;
use sha2::{Digest, Sha256};

/// What an image holds.
#[derive(Debug, Clone)]
pub struct ImageSpec {
    reference: String,
    program: PathBuf,
}

impl ImageSpec {
    /// An image named `reference` whose entry point is the static binary
    /// `program`, placed in its root directory under the same file name.
    #[must_use]
    pub fn new(reference: &str, program: &Path) -> Self {
        Self {
            reference: reference.to_owned(),
            program: program.to_owned(),
        }
    }
}

/// Writes `spec` as an OCI image archive, as `ctr images import` reads it.
///
/// # Errors
/// When the program cannot be read or the archive not be written.
pub fn write_image(archive: &Path, spec: &ImageSpec) -> Result<()> {
    let name = spec
        .program
        .file_name()
        .and_then(|name| name.to_str())
        .with_context(|| format!("{} has no file name", spec.program.display()))?;
    let layer = layer(&spec.program, name)?;
    let config = serde_json::to_vec(&json!({
        "architecture": architecture(),
        "os": "linux",
        "config": {"Entrypoint": [format!("/{name}")], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
    }))?;
    let manifest = serde_json::to_vec(&json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &layer)],
    }))?;
    let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
    entry["annotations"] = json!({
        "io.containerd.image.name": spec.reference,
        "org.opencontainers.image.ref.name": tag(&spec.reference),
    });
    let index = serde_json::to_vec(&json!({"schemaVersion": 2, "manifests": [entry]}))?;

    let file =
        File::create(archive).with_context(|| format!("cannot create {}", archive.display()))?;
    let mut tar = tar::Builder::new(BufWriter::new(file));
    append(
        &mut tar,
        "oci-layout",
        0o644,
        br#"{"imageLayoutVersion":"1.0.0"}"#,
    )?;
    append(&mut tar, "index.json", 0o644, &index)?;
    for blob in [&manifest, &config, &layer] {
        append(
            &mut tar,
            &format!("blobs/{}", digest(blob).replace(':', "/")),
            0o644,
            blob,
        )?;
    }
    tar.into_inner()?.flush()?;
    Ok(())
}

fn layer(program: &Path, name: &str) -> Result<Vec<u8>> {
    let bytes = fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    let mut tar = tar::Builder::new(Vec::new());
    append(&mut tar, name, 0o755, &bytes)?;
    Ok(tar.into_inner()?)
}

fn append(tar: &mut tar::Builder<impl Write>, path: &str, mode: u32, bytes: &[u8]) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(bytes.len() as u64);
    tar.append_data(&mut header, path, bytes)?;
    Ok(())
}

fn descriptor(media_type: &str, blob: &[u8]) -> serde_json::Value {
    json!({"mediaType": media_type, "digest": digest(blob), "size": blob.len()})
}

fn digest(blob: &[u8]) -> String {
    let hex: String = Sha256::digest(blob)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}

fn tag(reference: &str) -> &str {
    reference.rsplit_once(':').map_or("latest", |(_, tag)| tag)
}

/// Go's name for this machine's architecture, as OCI uses it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
