//! Cluster -> `Snapshot`.

mod table;

mod perhaps;
mod same;

mod node;
mod stores;
mod watch;

pub mod budget;
pub mod pod;

mod nearby;
mod placing;
mod pods;

mod alerts;
mod hand_over;

mod heard;
mod snapshot;

mod capture;

pub use alerts::{Prometheus, PrometheusOptions};
pub use capture::{Captured, capture};
pub use hand_over::{Sights, api as dynamic_api, is_unknown_kind};
pub use heard::Heard;
pub use nearby::{Nearby, OwnPods};
pub use node::plain;
pub use perhaps::Perhaps;
pub use snapshot::{Memory, snapshot};
pub use stores::Stores;
