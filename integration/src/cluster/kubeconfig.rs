//! Kubeconfig files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;

use super::pki::Identity;

/// Writes a kubeconfig (JSON is YAML) that refers to certificate files, so
/// that no key is copied.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, server: &str, ca: &Path, client: &Identity) -> Result<()> {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "unstall",
        "clusters": [{"name": "unstall", "cluster": {
            "server": server,
            "certificate-authority": ca,
        }}],
        "users": [{"name": "unstall", "user": {
            "client-certificate": client.cert,
            "client-key": client.key,
        }}],
        "contexts": [{"name": "unstall", "context": {"cluster": "unstall", "user": "unstall"}}],
    });
    fs::write(path, serde_json::to_vec_pretty(&config)?)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o600)))
        .with_context(|| format!("cannot write {}", path.display()))
}
