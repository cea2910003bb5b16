//! The machine of a controller's process: it can be frozen and killed, and its clock may
//! be wrong.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use unstall_controller::machine::Machine;

use super::EPOCH;
use crate::sim::chance::Chance;

/// The machine of one process.
pub struct Played {
    began: Instant,
    /// By how many milliseconds its wall clock is ahead.
    skew: AtomicI64,
    inner: Mutex<Inner>,
}

struct Inner {
    chance: Chance,
    is_frozen: bool,
    waiting: Vec<Waker>,
    tasks: Vec<AbortHandle>,
}

impl Played {
    pub fn new(began: Instant, chance: Chance) -> Arc<Self> {
        Arc::new(Self {
            began,
            skew: AtomicI64::new(0),
            inner: Mutex::new(Inner {
                chance,
                is_frozen: false,
                waiting: Vec::new(),
                tasks: Vec::new(),
            }),
        })
    }

    /// Stops the process where it is, as SIGSTOP does.
    pub fn freeze(&self) {
        self.lock().is_frozen = true;
    }

    /// Lets it go on; whether it was stopped.
    pub fn thaw(&self) -> bool {
        let (was_frozen, waiting) = {
            let mut inner = self.lock();
            let was_frozen = std::mem::take(&mut inner.is_frozen);
            (was_frozen, std::mem::take(&mut inner.waiting))
        };
        for waker in waiting {
            waker.wake();
        }
        was_frozen
    }

    /// Ends the process where it is, as SIGKILL does.
    pub fn kill(&self) {
        let tasks = {
            let mut inner = self.lock();
            inner.is_frozen = false;
            inner.waiting.clear();
            std::mem::take(&mut inner.tasks)
        };
        for task in tasks {
            task.abort();
        }
    }

    /// Sets its wall clock so many milliseconds ahead of the true time.
    pub fn set_clock(&self, ahead: i64) {
        self.skew.store(ahead, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Machine for Played {
    fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.began.elapsed());
        let skew = SignedDuration::from_millis(self.skew.load(Ordering::Relaxed));
        EPOCH
            .saturating_add(elapsed.unwrap_or_default() + skew)
            .unwrap_or(EPOCH)
    }

    fn uptime(&self) -> Duration {
        self.began.elapsed() + Duration::from_hours(1)
    }

    fn random(&self) -> u64 {
        self.lock().chance.any()
    }

    fn poll_runs(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        if !inner.is_frozen {
            return Poll::Ready(());
        }
        inner.waiting.push(context.waker().clone());
        Poll::Pending
    }

    fn adopt(&self, task: AbortHandle) {
        let mut inner = self.lock();
        inner.tasks.retain(|task| !task.is_finished());
        inner.tasks.push(task);
    }
}
