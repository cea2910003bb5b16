//! What failed waits, the longer the more often it did.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::Error;
use tokio::time::Instant;

/// After the first failure it is tried again after this, doubled with each further one,
const FIRST: Duration = Duration::from_secs(1);
/// and after this at most.
const LAST: Duration = Duration::from_secs(60);

/// What failed, and when it is tried again.
#[derive(Debug, Default)]
pub struct Failures {
    all: Mutex<BTreeMap<String, Failure>>,
}

#[derive(Debug)]
struct Failure {
    times: u32,
    again: Instant,
}

impl Failures {
    /// Whether `about` may be tried.
    #[must_use]
    pub fn is_due(&self, about: &str) -> bool {
        let all = self.lock();
        all.get(about).is_none_or(|it| it.again <= Instant::now())
    }

    /// When the first is tried again that waited at `since`.
    #[must_use]
    pub fn first_again(&self, since: Instant) -> Option<Instant> {
        let all = self.lock();
        let waiting = all.values().map(|it| it.again);
        waiting.filter(|again| *again > since).min()
    }

    /// Notes how a try ended. A conflict waits for nothing: the next look decides anew.
    pub fn note(&self, about: &str, failed: Option<&anyhow::Error>) {
        let mut all = self.lock();
        let Some(error) = failed else {
            all.remove(about);
            return;
        };
        let status = error.chain().find_map(|cause| match cause.downcast_ref() {
            Some(Error::Api(status)) => Some(status.as_ref()),
            _ => None,
        });
        if status.is_some_and(|status| status.code == 409) {
            return;
        }
        let asked = status.and_then(|it| Some(it.details.as_ref()?.retry_after_seconds));
        let asked = Duration::from_secs(asked.unwrap_or_default().into());
        let failure = all.entry(about.to_owned()).or_insert(Failure {
            times: 0,
            again: Instant::now(),
        });
        failure.again = Instant::now() + pause(failure.times).max(asked.min(LAST));
        failure.times += 1;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Failure>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long it waits that failed so many times before.
fn pause(times: u32) -> Duration {
    FIRST.saturating_mul(1 << times.min(16)).min(LAST)
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use kube::core::response::StatusDetails;

    use super::*;

    fn refused(code: u16, after: u32) -> anyhow::Error {
        let mut status = Status::failure("no", "Reason").with_code(code);
        status.details = Some(StatusDetails {
            name: String::new(),
            group: String::new(),
            kind: String::new(),
            uid: String::new(),
            causes: Vec::new(),
            retry_after_seconds: after,
        });
        anyhow::Error::new(Error::Api(Box::new(status))).context("cannot write")
    }

    #[test]
    fn what_failed_waits_and_what_went_well_does_not() {
        let failures = Failures::default();
        assert!(failures.is_due("n1"));
        failures.note("n1", Some(&anyhow::anyhow!("no answer")));
        assert!(!failures.is_due("n1") && failures.is_due("n2"));
        failures.note("n1", None);
        assert!(failures.is_due("n1"));
    }

    #[test]
    fn a_conflict_is_looked_at_anew_at_once() {
        let failures = Failures::default();
        failures.note("n1", Some(&refused(409, 0)));
        assert!(failures.is_due("n1"));
    }

    #[test]
    fn the_server_says_how_long() {
        let failures = Failures::default();
        failures.note("n1", Some(&refused(429, 30)));
        let again = failures.lock()["n1"].again;
        assert!(again > Instant::now() + Duration::from_secs(20));
        failures.note("n2", Some(&refused(429, 86_400)));
        assert!(failures.lock()["n2"].again <= Instant::now() + LAST);
    }

    #[test]
    fn it_waits_for_a_minute_at_most() {
        assert_eq!([0, 1, 5].map(|it| pause(it).as_secs()), [1, 2, 32]);
        assert_eq!([6, 40].map(pause), [LAST; 2]);
    }
}
