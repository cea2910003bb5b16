//! A controller's log, of JSON lines.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

/// What was logged.
pub struct Log {
    lines: Vec<(Timestamp, String)>,
}

impl Log {
    /// Reads one.
    pub fn read(text: &str) -> Self {
        let line = |line: &str| {
            let line: Value = serde_json::from_str(line).ok()?;
            let at = line["timestamp"].as_str()?.parse().ok()?;
            Some((at, line["message"].as_str()?.to_owned()))
        };
        Self {
            lines: text.lines().filter_map(line).collect(),
        }
    }

    /// The time from the first line that says `from` to the first that says `to`.
    pub fn between(&self, from: &str, to: &str) -> Duration {
        let at = |message: &str| {
            let line = self.lines.iter().find(|(_, it)| it == message);
            line.unwrap_or_else(|| panic!("nothing says {message}")).0
        };
        let took = at(to).duration_since(at(from));
        took.try_into().unwrap()
    }
}
