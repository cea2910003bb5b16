//! A cluster whose nodes are virtual machines, with the product installed on it
//! as a user does: what nothing but reboots for real can prove.
//!
//! Reading order: the fleet, what runs on it, how it is looked at, what people
//! watch, what tests hold.

mod fleet;

mod misfortune;
mod stall;
mod workload;

mod table;
mod wait;

mod show;

mod bed;

pub use bed::{Bed, boot_id, health, tell};
pub use fleet::{Fleet, FleetOptions};
pub use misfortune::{signal_leader, without_api_server};
pub use show::{rollout_policy, show, stage};
pub use stall::{Pages, make_zombies};
pub use wait::{Until, node, remediation};
pub use workload::{Availability, Workload};
