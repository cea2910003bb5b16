//! The thread that measures.
//!
//! A thread of the operating system, not a task of an async runtime: its CPU
//! clock must count one read and nothing else, and a read that stalls must
//! stall nobody.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::jitter::Jitter;
use crate::pace::{DELAY_PER_COST, Mode, Pace};
use crate::sample::{Observation, Observer, Roots, monotonic};
use crate::time::MonotonicTime;

/// Between two looks at what only frequent looks can tell.
const TICK: Duration = Duration::from_secs(1);

/// What the thread is told from outside.
#[derive(Debug, Default)]
struct Orders {
    mode: Mode,
    is_stopped: bool,
}

#[derive(Debug, Default)]
struct Shared {
    orders: Mutex<Orders>,
    changed: Condvar,
    /// When the measurement in hand began, in nanoseconds after boot; 0 between
    /// two of them.
    began: AtomicU64,
}

/// What measures; [`Observer`] but for tests and benches.
pub trait Measure {
    /// Measures once.
    fn observe(&mut self) -> Observation;
    /// A look between two measurements, once a second.
    fn tick(&mut self);
}

impl Measure for Observer {
    fn observe(&mut self) -> Observation {
        Self::observe(self)
    }

    fn tick(&mut self) {
        Self::tick(self);
    }
}

impl Shared {
    /// The orders are plain values, valid whatever a panicking thread left.
    fn lock(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running sampling thread. Dropping it stops the thread after the read in
/// flight, without waiting for it.
#[derive(Debug)]
pub struct Sampler {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    /// Starts measuring below `roots` at `pace`, quietly; each observation goes
    /// to `sink` on the sampling thread, which must not block there.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start(
        roots: Roots,
        pace: Pace,
        sink: impl FnMut(Observation) + Send + 'static,
    ) -> io::Result<Self> {
        Self::measure(move || Observer::open(roots), pace, sink)
    }

    /// As [`Sampler::start`], with what `open` makes on the sampling thread.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn measure<M: Measure>(
        open: impl FnOnce() -> M + Send + 'static,
        pace: Pace,
        mut sink: impl FnMut(Observation) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let orders = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("sampler".to_owned())
            .spawn(move || {
                // Opened here: its clocks and files belong to this thread.
                let mut observer = open();
                let mut jitter = Jitter::seeded();
                loop {
                    let began = monotonic().since_boot().as_nanos();
                    let began = u64::try_from(began).unwrap_or(u64::MAX);
                    orders.began.store(began, Ordering::Relaxed);
                    let observation = observer.observe();
                    orders.began.store(0, Ordering::Relaxed);
                    let cost = observation.cost;
                    sink(observation);
                    if !wait(&orders, &pace, cost, jitter.draw(), || observer.tick()) {
                        return;
                    }
                }
            })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Samples as eagerly as `mode` says from now on, also when the thread is
    /// waiting: the wait becomes that of the new mode.
    pub fn set_mode(&self, mode: Mode) {
        self.shared.lock().mode = mode;
        self.shared.changed.notify_all();
    }

    /// For how long the measurement in hand has lasted, if there is one. It is
    /// answered whatever the kernel does to the sampling thread.
    #[must_use]
    pub fn in_flight(&self) -> Option<Duration> {
        let began = self.shared.began.load(Ordering::Relaxed);
        let began = MonotonicTime::from_boot(Duration::from_nanos(began));
        (began != MonotonicTime::default()).then(|| monotonic().since(began))
    }

    /// Stops and waits for the read in flight.
    pub fn stop(mut self) {
        self.order_stop();
        if let Some(thread) = self.thread.take() {
            // A panic of the sink is not worth another one here.
            let _ = thread.join();
        }
    }

    fn order_stop(&self) {
        self.shared.lock().is_stopped = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.order_stop();
    }
}

/// Waits for the delay after a cycle of `cost`, with a `tick` each second;
/// false if told to stop.
fn wait(shared: &Shared, pace: &Pace, cost: Duration, jitter: u32, mut tick: impl FnMut()) -> bool {
    let ended = Instant::now();
    let mut ticked = ended;
    let mut orders = shared.lock();
    while !orders.is_stopped {
        // Asked again after each order: the mode may have changed.
        let delay = pace.next_delay(orders.mode, cost, jitter);
        debug_assert!(
            delay >= cost.saturating_mul(DELAY_PER_COST),
            "duty above 1 %"
        );
        let left = delay.saturating_sub(ended.elapsed());
        if left.is_zero() {
            return true;
        }
        let until_tick = TICK.saturating_sub(ticked.elapsed());
        if until_tick.is_zero() {
            drop(orders);
            tick();
            ticked = Instant::now();
            orders = shared.lock();
            continue;
        }
        orders = match shared.changed.wait_timeout(orders, left.min(until_tick)) {
            Ok((orders, _)) => orders,
            Err(poisoned) => poisoned.into_inner().0,
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::sync::mpsc::{RecvTimeoutError, channel};

    const SOON: Duration = Duration::from_secs(20);

    fn start(pace: Pace) -> (Sampler, std::sync::mpsc::Receiver<Observation>) {
        let (send, receive) = channel();
        let sampler = Sampler::start(Roots::under(Path::new("/")), pace, move |observation| {
            // The test may have seen enough.
            let _ = send.send(observation);
        });
        (sampler.unwrap(), receive)
    }

    #[test]
    fn it_samples_at_its_pace_and_within_the_duty() {
        let quiet = Duration::from_millis(20);
        let (sampler, observations) = start(Pace { quiet, fast: quiet });
        let seen: Vec<_> = (0..5)
            .map(|_| observations.recv_timeout(SOON).unwrap())
            .collect();
        sampler.stop();
        assert!(seen[0].is_cold && !seen[4].is_cold || seen[4].root.is_err());
        for pair in seen.windows(2) {
            let between = pair[1].at.since(pair[0].at);
            assert!(between >= pair[0].cost * DELAY_PER_COST, "{pair:?}");
            assert!(between >= quiet * 8 / 10, "{pair:?}");
        }
    }

    /// Measures when it is let.
    struct Stuck(Observer, std::sync::mpsc::Receiver<()>);

    impl Measure for Stuck {
        fn observe(&mut self) -> Observation {
            self.1.recv_timeout(SOON).unwrap();
            self.0.observe()
        }

        fn tick(&mut self) {}
    }

    #[test]
    fn a_measurement_that_does_not_return_is_told_of_meanwhile() {
        let (let_go, held) = channel();
        let (send, receive) = channel();
        let quiet = Duration::from_secs(3_600);
        let open = || Stuck(Observer::open(Roots::under(Path::new("/"))), held);
        let sampler = Sampler::measure(open, Pace { quiet, fast: quiet }, move |observation| {
            let _ = send.send(observation);
        })
        .unwrap();
        let none = receive.recv_timeout(Duration::from_millis(300));
        assert_eq!(none, Err(RecvTimeoutError::Timeout));
        assert!(sampler.in_flight().unwrap() >= Duration::from_millis(100));
        let_go.send(()).unwrap();
        receive.recv_timeout(SOON).unwrap();
        assert_eq!(sampler.in_flight(), None);
        sampler.stop();
    }

    #[test]
    fn fast_mode_cuts_a_quiet_wait_short_and_stop_ends_it() {
        let quiet = Duration::from_secs(3_600);
        let (sampler, observations) = start(Pace {
            quiet,
            fast: Duration::from_millis(1),
        });
        observations.recv_timeout(SOON).unwrap();
        let none = observations.recv_timeout(Duration::from_millis(300));
        assert_eq!(none, Err(RecvTimeoutError::Timeout));
        sampler.set_mode(Mode::Fast);
        observations.recv_timeout(SOON).unwrap();
        sampler.set_mode(Mode::Quiet);
        sampler.stop();
        while observations.recv_timeout(SOON).is_ok() {}
        assert_eq!(
            observations.recv_timeout(SOON),
            Err(RecvTimeoutError::Disconnected)
        );
    }
}
