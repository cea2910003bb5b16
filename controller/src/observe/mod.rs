//! Cluster -> `Snapshot`.

mod watch;

mod heard;
mod snapshot;

pub use heard::Heard;
pub use snapshot::snapshot;
pub use watch::Stores;
