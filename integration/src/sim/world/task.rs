//! What happens.

use super::request::Pending;
use super::{HostTask, PodTask, Trouble};

/// Something that happens.
pub enum Task {
    /// A request arrives.
    Deliver(Box<Pending>),
    /// A watch tells what it has to tell.
    Flush(u64),
    /// A watch has lasted as long as it may.
    EndWatch(u64),
    /// A process starts.
    Start(usize),
    /// Something of a node.
    Host(String, HostTask),
    /// Something of a pod.
    Pod(PodTask),
    /// Something that should not happen.
    Trouble(Trouble),
    /// It is looked what should have come of it.
    Look,
}
