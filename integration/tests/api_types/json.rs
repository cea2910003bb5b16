//! Documents: read, and compared with what the server made of them.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// Reads a YAML document.
pub fn parse_yaml(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The YAML files of a folder below the workspace, by name.
pub fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} holds no YAML", folder.display());
    files
}

/// Whether `stored` says all that `sent` says, and nothing else about the same
/// things: it may only add fields of objects, as defaults do. Returns the first
/// difference.
pub fn merge_defaults(sent: &Value, stored: &Value, path: &str) -> Result<(), String> {
    match (sent, stored) {
        (Value::Object(sent), Value::Object(stored)) => sent.iter().try_for_each(|(key, value)| {
            let path = format!("{path}.{key}");
            let kept = stored
                .get(key)
                .ok_or_else(|| format!("{path} was dropped"))?;
            merge_defaults(value, kept, &path)
        }),
        (Value::Array(sent), Value::Array(stored)) if sent.len() == stored.len() => sent
            .iter()
            .zip(stored)
            .enumerate()
            .try_for_each(|(i, (sent, stored))| {
                merge_defaults(sent, stored, &format!("{path}[{i}]"))
            }),
        (sent, stored) if sent == stored => Ok(()),
        (sent, stored) => Err(format!("{path}: sent {sent}, stored {stored}")),
    }
}
