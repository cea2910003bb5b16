//! Why not: a typed reason with its numbers.

use jiff::Timestamp;
use unstall_crds::condition::BlockedReason;
use unstall_crds::remediation::Blocker;

use crate::drain::Blocked;

/// Why something does not happen now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct No {
    /// Why, in one word.
    pub reason: BlockedReason,
    /// Why, in a sentence with its numbers. It stays the same while nothing
    /// changes: no time that has gone by, only times at which something began or
    /// will be over.
    pub text: String,
    /// What it hangs on, as kind/namespace/name or kind/name.
    pub object: Option<String>,
    /// When it will be over by itself, where that is known.
    pub until: Option<Timestamp>,
}

impl From<Blocked> for No {
    fn from(blocked: Blocked) -> Self {
        Self::new(blocked.reason, blocked.message).on(blocked.object)
    }
}

impl From<&Blocker> for No {
    fn from(blocker: &Blocker) -> Self {
        let no = Self::new(blocker.reason, &blocker.message);
        Self {
            object: blocker.object.clone(),
            ..no
        }
    }
}

impl No {
    /// A reason of which nobody knows when it will be over.
    #[must_use]
    pub fn new(reason: BlockedReason, text: impl Into<String>) -> Self {
        Self {
            reason,
            text: text.into(),
            object: None,
            until: None,
        }
    }

    /// The same, over at `until`.
    #[must_use]
    pub fn until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }

    /// The same, hanging on `object`.
    #[must_use]
    pub fn on(mut self, object: impl Into<String>) -> Self {
        self.object = Some(object.into());
        self
    }
}
