//! Whether this process leads, and until when.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::machine;

/// Timers stand still while the machine sleeps, the clock of leadership does not:
/// a sleeper looks at the clock this often. Every call looks by itself.
const LOOK: Duration = Duration::from_secs(2);

/// This process does not lead any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("leadership lost: {why}")]
pub struct LeadershipLost {
    why: String,
}

impl LeadershipLost {
    /// Lost for this reason.
    #[must_use]
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }
}

/// The right to act. Once lost it never comes back: the process ends, and its next
/// start begins as a standby.
#[derive(Debug, Clone)]
pub struct Leadership {
    /// The number of this leadership, which every slot and command carries.
    pub epoch: i64,
    tenure: Arc<Tenure>,
}

/// Until when a lease is held, in nanoseconds of [`machine::uptime`]; 0 once it is lost.
#[derive(Debug)]
pub struct Tenure {
    until: AtomicU64,
    why: OnceLock<String>,
}

impl Tenure {
    /// Held until then.
    pub fn until(deadline: Duration) -> Arc<Self> {
        Arc::new(Self {
            until: AtomicU64::new(nanos(deadline)),
            why: OnceLock::new(),
        })
    }

    /// Puts the end off, unless it has come.
    pub fn extend(&self, deadline: Duration) -> bool {
        let now = nanos(machine::uptime());
        let later = |until: u64| (until > now).then(|| until.max(nanos(deadline)));
        let extended = (self.until).fetch_update(Ordering::SeqCst, Ordering::SeqCst, later);
        extended.is_ok()
    }

    /// Ends it now.
    pub fn end(&self, why: String) {
        // The first reason is the true one.
        let _ = self.why.set(why);
        self.until.store(0, Ordering::SeqCst);
    }

    /// How much is left of it.
    pub fn remaining(&self) -> Duration {
        let until = self.until.load(Ordering::SeqCst);
        let left = until.saturating_sub(nanos(machine::uptime()));
        if left == 0 && until != 0 {
            self.end("the lease was not renewed in time".to_owned());
        }
        Duration::from_nanos(left)
    }
}

impl Leadership {
    /// The leadership of `epoch`, for as long as `tenure` lasts.
    pub(super) const fn new(epoch: i64, tenure: Arc<Tenure>) -> Self {
        Self { epoch, tenure }
    }

    /// The same in `epoch`.
    pub(super) fn in_epoch(self, epoch: i64) -> Self {
        Self { epoch, ..self }
    }

    /// Whether this process may act now.
    #[must_use]
    pub fn may_act(&self) -> bool {
        !self.remaining().is_zero()
    }

    /// For how long it may act yet: no call that acts should take longer.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.tenure.remaining()
    }

    /// The same as an error.
    ///
    /// # Errors
    /// When this process does not lead any more.
    pub fn check(&self) -> Result<(), LeadershipLost> {
        if self.may_act() {
            return Ok(());
        }
        let why = self.tenure.why.get();
        Err(LeadershipLost::new(why.map_or("unknown", String::as_str)))
    }

    /// Waits until it does not lead any more.
    pub async fn lost(&self) -> LeadershipLost {
        loop {
            if let Err(lost) = self.check() {
                return lost;
            }
            tokio::time::sleep(self.remaining().min(LOOK)).await;
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leadership(after: Duration) -> Leadership {
        Leadership::new(7, Tenure::until(machine::uptime() + after))
    }

    #[test]
    fn it_ends_by_itself_and_does_not_come_back() {
        let held = leadership(Duration::from_millis(20));
        assert!(held.may_act());
        std::thread::sleep(Duration::from_millis(30));
        assert!(!held.may_act());
        let later = machine::uptime() + Duration::from_secs(60);
        assert!(!held.tenure.extend(later), "a late answer revives nothing");
        assert!(!held.may_act());
        let why = held.check().unwrap_err().to_string();
        assert_eq!(why, "leadership lost: the lease was not renewed in time");
    }

    #[test]
    fn what_nobody_looked_at_ends_all_the_same() {
        let held = leadership(Duration::from_millis(5));
        std::thread::sleep(Duration::from_millis(10));
        assert!(
            !held
                .tenure
                .extend(machine::uptime() + Duration::from_secs(60))
        );
        assert!(!held.may_act());
    }

    #[test]
    fn a_renewal_puts_the_end_off_and_never_forward() {
        let held = leadership(Duration::from_secs(60));
        assert!(
            held.tenure
                .extend(machine::uptime() + Duration::from_secs(1))
        );
        assert!(held.remaining() > Duration::from_secs(50));
        assert!(
            held.tenure
                .extend(machine::uptime() + Duration::from_secs(90))
        );
        assert!(held.remaining() > Duration::from_secs(80));
    }

    #[tokio::test]
    async fn whoever_waits_for_the_end_hears_of_it_with_its_reason() {
        let held = leadership(Duration::from_secs(60));
        let waits = held.clone();
        let heard = tokio::spawn(async move { waits.lost().await });
        held.tenure.end("pod-2 holds the lease".to_owned());
        held.tenure.end("another reason".to_owned());
        let lost = heard.await.unwrap();
        assert_eq!(lost.to_string(), "leadership lost: pod-2 holds the lease");
        assert_eq!(held.check(), Err(lost));
    }
}
