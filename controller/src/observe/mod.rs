//! Cluster -> `Snapshot`.

mod table;

mod node;
mod stores;
mod watch;

pub mod budget;
pub mod pod;

mod nearby;
mod pods;

mod alerts;
mod hand_over;

mod heard;
mod snapshot;

pub use alerts::{Prometheus, PrometheusOptions};
pub use hand_over::api as dynamic_api;
pub use heard::Heard;
pub use nearby::{Nearby, OwnPods};
pub use snapshot::{Memory, snapshot};
pub use stores::Stores;
