//! Cluster -> `Snapshot`.

mod watch;

mod heard;
mod snapshot;

pub mod budget;
pub mod pod;

pub use heard::Heard;
pub use snapshot::snapshot;
pub use watch::Stores;
