//! What the nodes did, and what must never have happened.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

/// Something that a node did because it was ordered to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// The node.
    pub node: String,
    /// The id of the command.
    pub id: String,
    /// The epoch of the leader that ordered it.
    pub epoch: i64,
    /// Whether it was a reboot.
    pub is_reboot: bool,
    /// When.
    pub at: Timestamp,
    /// Pods that should have left before a reboot and were there.
    pub left: Vec<String>,
}

/// All deeds, and every command that had to be refused.
#[derive(Debug, Clone, Default)]
pub struct Deeds {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    done: Vec<Deed>,
    refused: Vec<String>,
}

impl Deeds {
    /// Everything that was done, in order.
    #[must_use]
    pub fn done(&self) -> Vec<Deed> {
        self.lock().done.clone()
    }

    /// Everything that was refused, with the reason.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        self.lock().refused.clone()
    }

    /// How often the node was rebooted.
    #[must_use]
    pub fn reboots(&self, node: &str) -> usize {
        let inner = self.lock();
        let done = inner.done.iter();
        done.filter(|deed| deed.is_reboot && deed.node == node)
            .count()
    }

    /// How often the node dropped its caches.
    #[must_use]
    pub fn drops(&self, node: &str) -> usize {
        let inner = self.lock();
        let done = inner.done.iter();
        done.filter(|deed| !deed.is_reboot && deed.node == node)
            .count()
    }

    pub(super) fn note(&self, deed: Deed) {
        self.lock().done.push(deed);
    }

    pub(super) fn refuse(&self, why: String) {
        self.lock().refused.push(why);
    }

    /// Why a command of this id and epoch may not be obeyed, if that is so.
    pub(super) fn forbids(&self, node: &str, id: &str, epoch: i64) -> Option<String> {
        let inner = self.lock();
        let mut own = inner.done.iter().filter(|deed| deed.node == node);
        own.find_map(|deed| {
            if deed.id == id {
                Some(format!("{id} was obeyed already"))
            } else if deed.epoch > epoch {
                Some(format!("{id} is of epoch {epoch}, {} was seen", deed.epoch))
            } else {
                None
            }
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
