//! The documented form of `-o json`.

/// The JSON schema of what `node-probe check -o json` prints. A test compares
/// it with the real output.
#[must_use]
pub fn json_schema() -> &'static str {
    include_str!("schema.json")
}
