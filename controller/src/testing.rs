//! What tests share.

use unstall_decide::Snapshot;

/// A cluster in which much is going on.
pub const CLUSTER: &str = include_str!("../tests/data/cluster.yaml");

/// The same, read.
pub fn cluster() -> Snapshot {
    crate::simulate::read(CLUSTER).unwrap()
}
