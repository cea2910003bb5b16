//! What an incident shall be.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Backing;

/// Where the state of an incident is kept, so that the next maker finds what a killed one left.
pub const DEFAULT_STATE_DIR: &str = "/run/unstall";

/// What to make, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many zombie memory cgroups.
    pub zombies: u32,
    /// The file system of the shared file.
    pub backing: Backing,
    /// The directory of the shared file; `None` has one found.
    pub directory: Option<PathBuf>,
    /// The time from the start of one pulse to the start of the next; `None` makes zombies at rest,
    /// until [`super::Incident::start_pulses`].
    pub pulse_every: Option<Duration>,
    /// The program `incident`, which is started as worker and as pulser.
    pub program: PathBuf,
    /// Where the state file is kept.
    pub state_dir: PathBuf,
    /// How long to wait for another maker to end; zero refuses at once.
    pub wait: Duration,
    /// Ends the making from another thread.
    pub cancel: Cancel,
}

impl Options {
    /// An incident without pulses, with everything else as the command has it by default.
    #[must_use]
    pub fn new(zombies: u32, backing: Backing, program: impl Into<PathBuf>) -> Self {
        Self {
            zombies,
            backing,
            directory: None,
            pulse_every: None,
            program: program.into(),
            state_dir: PathBuf::from(DEFAULT_STATE_DIR),
            wait: Duration::ZERO,
            cancel: Cancel::default(),
        }
    }
}

/// The state file in a state directory.
pub(crate) fn state_file(state_dir: &Path) -> PathBuf {
    state_dir.join("incident.json")
}

/// A switch that another thread, such as one that waits for Ctrl-C, throws once.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the maker to stop and to clean up.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Reads a duration such as `200ms`, `2s` or `5m`.
///
/// # Errors
/// A sentence that names the text and says what to write instead.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit_ms = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => 0,
    };
    match digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit_ms))
    {
        Some(ms) if ms > 0 => Ok(Duration::from_millis(ms)),
        _ => Err(format!(
            "`{text}` is not a duration: write one such as 200ms, 2s or 5m"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_are_not_zero() {
        assert_eq!(parse_duration("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(parse_duration("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(parse_duration("5m"), Ok(Duration::from_secs(300)));
        for bad in [
            "200",
            "0s",
            "-1s",
            "s",
            "",
            "1.5s",
            "1h",
            "99999999999999999999s",
        ] {
            assert!(
                parse_duration(bad)
                    .unwrap_err()
                    .contains("write one such as"),
                "{bad}"
            );
        }
    }
}
