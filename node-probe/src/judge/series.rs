//! One signal over time: what can be believed of it, and why the rest cannot.
//! (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::history::History;
use super::trust::{Distrust, Reading};
use crate::time::MonotonicTime;

/// One signal's history and its failures.
#[derive(Clone, Debug, Default)]
pub struct Series {
    history: History,
    unreadable: Option<Arc<str>>,
    untrusted: BTreeMap<Distrust, u64>,
}

impl Series {
    /// Takes in the reading of `at`. A signal that cannot be read is not known
    /// any more, whatever it was before.
    pub fn add(&mut self, at: MonotonicTime, reading: Reading) {
        self.unreadable = None;
        match reading {
            Reading::Trusted(value) => self.history.add(at, value),
            Reading::Awaited => {}
            Reading::Untrusted(distrust) => *self.untrusted.entry(distrust).or_default() += 1,
            Reading::Unreadable(why) => {
                self.history.clear();
                self.unreadable = Some(why);
            }
        }
    }

    /// From now on takes samples up to `gap` apart for one series.
    pub fn set_gap(&mut self, gap: Duration) {
        self.history.set_gap(gap);
    }

    /// Forgets the samples: what comes is not to be mixed with them.
    pub fn forget(&mut self) {
        self.history.clear();
    }

    /// The trusted samples.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Why the last reading gave no value, if it did not.
    #[must_use]
    pub fn unreadable(&self) -> Option<&str> {
        self.unreadable.as_deref()
    }

    /// The same, to be kept: it is shared, as it is the same for ever on a
    /// kernel that lacks a file.
    #[must_use]
    pub fn unreadable_reason(&self) -> Option<Arc<str>> {
        self.unreadable.clone()
    }

    /// How many samples were left out so far, by what disturbed them.
    #[must_use]
    pub fn untrusted(&self) -> &BTreeMap<Distrust, u64> {
        &self.untrusted
    }
}
