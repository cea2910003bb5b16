//! Ctrl-C and SIGTERM as a flag, so that every phase ends in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::incident::Cancel;

/// Whether somebody asked this program to end.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    flag: Arc<AtomicBool>,
    cancel: Cancel,
}

impl Interrupt {
    /// Takes SIGINT and SIGTERM from now on. Programs that are started later
    /// do not inherit this: Ctrl-C at a terminal ends a build at once.
    ///
    /// # Errors
    /// When the signals cannot be taken or no thread be started.
    pub fn listen() -> Result<Self> {
        let interrupt = Self::default();
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let heard = interrupt.clone();
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                for _ in signals.forever() {
                    heard.flag.store(true, Ordering::SeqCst);
                    heard.cancel.cancel();
                }
            })?;
        Ok(interrupt)
    }

    /// Whether a signal came.
    #[must_use]
    pub fn came(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }

    /// The flag itself, for code that looks at it while it waits.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flag)
    }

    /// The same for the incident maker.
    #[must_use]
    pub fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// Fails once a signal came.
    ///
    /// # Errors
    /// The one sentence that people see.
    pub fn check(&self) -> Result<()> {
        if self.came() {
            bail!("interrupted");
        }
        Ok(())
    }

    /// Waits, but not beyond a signal.
    ///
    /// # Errors
    /// As [`Interrupt::check`].
    pub fn sleep(&self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.check()?;
            std::thread::sleep(Duration::from_millis(50).min(time));
        }
        self.check()
    }
}
