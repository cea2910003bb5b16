//! How often counts are written that change all the time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// When what was written last.
#[derive(Debug, Default)]
pub struct Pace {
    last: Mutex<BTreeMap<String, Instant>>,
}

impl Pace {
    /// Whether `what` was not written for `pause`.
    #[must_use]
    pub fn is_due(&self, what: &str, pause: Duration) -> bool {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.get(what).is_none_or(|at| at.elapsed() >= pause)
    }

    /// Notes that it was.
    pub fn written(&self, what: &str) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.insert(what.to_owned(), Instant::now());
    }

    /// Forgets what is not asked about any more.
    pub fn keep(&self, is_kept: impl Fn(&str) -> bool) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.retain(|what, _| is_kept(what));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_just_written_waits() {
        let pace = Pace::default();
        let long = Duration::from_secs(60);
        assert!(pace.is_due("a", long));
        pace.written("a");
        assert!(!pace.is_due("a", long));
        assert!(pace.is_due("a", Duration::ZERO) && pace.is_due("b", long));
        pace.keep(|what| what != "a");
        assert!(pace.is_due("a", long));
    }
}
