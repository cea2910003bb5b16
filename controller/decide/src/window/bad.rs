//! What cannot be understood of a policy's windows.

use std::fmt;

/// A time zone that the controller's own database does not hold, or days, dates
/// or hours that cannot be read. The API server refuses most of it; a file that
/// is simulated has met no API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadWindow {
    /// The field, such as `spec.disruption.windows.allow[2].timeZone`.
    pub field: String,
    /// What it holds; empty when it is missing.
    pub value: String,
    /// What to write instead.
    pub instead: String,
}

impl BadWindow {
    pub(super) fn new(field: String, value: &str, instead: impl Into<String>) -> Self {
        Self {
            field,
            value: value.to_owned(),
            instead: instead.into(),
        }
    }
}

impl fmt::Display for BadWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            value,
            instead,
        } = self;
        if value.is_empty() {
            write!(f, "{field} is missing: {instead}")
        } else {
            write!(f, "{field} is {value:?}: {instead}")
        }
    }
}

impl std::error::Error for BadWindow {}
