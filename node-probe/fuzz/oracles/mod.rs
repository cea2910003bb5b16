//! What each reader must make of given bytes, worked out a second time and
//! slowly: the fuzz targets and the stable test share these files.
//!
//! Every module has a `check`, which panics where the reader and the slow way
//! differ, where an error does not name its file, or where a cut text gives a
//! number that the whole one does not.

mod rig;
mod slow;

pub mod cgroup_stat;
pub mod cgroups;
pub mod directories;
pub mod host;
pub mod memory_stat;
pub mod own_cgroup;
pub mod pressure;
pub mod proc_stat;
pub mod process_stat;
pub mod softirqd;
pub mod softnet;

#[cfg(feature = "cluster")]
pub mod command;
#[cfg(feature = "cluster")]
pub mod journal;
#[cfg(feature = "cluster")]
pub mod keys;
#[cfg(feature = "cluster")]
pub mod meminfo;
#[cfg(feature = "cluster")]
pub mod next_boot;
#[cfg(feature = "cluster")]
mod next_boot_files;
#[cfg(feature = "cluster")]
pub mod node_health;
#[cfg(feature = "cluster")]
pub mod wire;

/// A target's name and its check.
pub type Target = (&'static str, fn(&[u8]));

/// The targets that need no cluster.
pub const SAMPLE: [Target; 11] = [
    ("cgroup_stat", cgroup_stat::check),
    ("cgroups", cgroups::check),
    ("directories", directories::check),
    ("host", host::check),
    ("memory_stat", memory_stat::check),
    ("own_cgroup", own_cgroup::check),
    ("pressure", pressure::check),
    ("proc_stat", proc_stat::check),
    ("process_stat", process_stat::check),
    ("softirqd", softirqd::check),
    ("softnet", softnet::check),
];

/// Those of the actuator, of the host's files and of what is published.
#[cfg(feature = "cluster")]
pub const CLUSTER: [Target; 7] = [
    ("command", command::check),
    ("journal", journal::check),
    ("keys", keys::check),
    ("meminfo", meminfo::check),
    ("next_boot", next_boot::check),
    ("node_health", node_health::check),
    ("wire", wire::check),
];
