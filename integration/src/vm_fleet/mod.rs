//! A cluster whose nodes are virtual machines, with the product installed on it
//! as a user does: what nothing but reboots for real can prove.
//!
//! Reading order: the fleet, what runs on it, how it is looked at.

mod fleet;

mod workload;

mod wait;

pub use fleet::{Fleet, FleetOptions};
pub use wait::{Until, node, remediation};
pub use workload::{Availability, Workload};
