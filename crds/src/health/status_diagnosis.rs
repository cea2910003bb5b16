//! The numbers behind a verdict, for programs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::atomic;
use crate::string_enum::string_enum;
use crate::units::Reading;

/// What kind of stall slow reads are, and the numbers that show it. A number that
/// is not known is absent, never zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Diagnosis {
    /// What slow reads spend their time on; absent while reads are fast.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nature: Option<Nature>,
    /// What a slow read of the root's memory.stat took when it was repeated at
    /// once: a walk is as slow again, a flush is not. Median.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeated_read: Option<Reading>,
    /// How many times a leaf's median read the root's takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub root_to_leaf: Option<i64>,
    /// Zombie memory cgroups: the least of the last three counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub zombie_memcgs: Option<i64>,
    /// How fast they become more, over at most the last hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zombie_growth: Option<Reading>,
    /// What each thousand of them cost a read on this node, learned from reads
    /// at different counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_per_thousand_zombies: Option<Reading>,
    /// What upstream's code of the running kernel's version does at a read.
    /// Nothing is decided by it, for distributions carry changes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel_class: Option<KernelClass>,
    /// The processes whose system time rose with the reads, the most first. At
    /// most 3.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3), transform = atomic)]
    pub system_time: Vec<ProcessSystemTime>,
}

string_enum! {
    /// What slow reads spend their time on.
    pub enum Nature {
        /// Each read walks the cgroup tree, the dead cgroups in it included.
        Walk,
        /// Reads flush statistics that changed since they were flushed last.
        Contention,
        /// Neither is shown.
        Undetermined,
    }
}

string_enum! {
    /// What upstream's kernels of one range of versions do at a read.
    pub enum KernelClass {
        /// Before 5.2: every read walks every memory cgroup, dead ones included.
        WalksEveryCgroup,
        /// 5.2 to 5.12: totals are kept as they change.
        KeepsTotals,
        /// 5.13 to 6.7: a read flushes what changed in the whole tree.
        FlushesTree,
        /// 6.8 to 7.0: a read flushes what changed below its cgroup.
        FlushesSubtree,
        /// From 7.1: as before, and most dead cgroups are released.
        ReleasesDead,
    }
}

/// What one process used of a CPU inside the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProcessSystemTime {
    /// The process's name, as the kernel keeps it; ? where it has none.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Its number on the host.
    #[schemars(range(min = 1))]
    pub pid: i64,
    /// Its share of one CPU while reads were slow; 100% where its threads used more.
    pub slow: Reading,
    /// Its share while they were fast; absent if that was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fast: Option<Reading>,
}
