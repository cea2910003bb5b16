//! A captured cluster as text.

use anyhow::{Context, Result};
use unstall_decide::Snapshot;

use crate::config::Document;

/// As YAML or JSON.
///
/// # Errors
/// When it cannot be written so.
pub fn document(snapshot: &Snapshot, format: Document) -> Result<String> {
    let what = "cannot write the snapshot";
    match format {
        Document::Json => {
            let json = serde_json::to_string_pretty(snapshot).context(what)?;
            Ok(format!("{json}\n"))
        }
        Document::Yaml => {
            let yaml = serde_saphyr::to_string(snapshot).context(what)?;
            let version = env!("CARGO_PKG_VERSION");
            Ok(format!(
                "# A cluster as unstall-controller {version} saw it. What it would do, and why not:\n\
                 # unstall-controller simulate -f FILE\n{yaml}"
            ))
        }
    }
}
