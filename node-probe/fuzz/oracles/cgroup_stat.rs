//! The root's `cgroup.stat` of version 2.

use std::cell::RefCell;

use node_probe::sample::{CgroupVersion, Hierarchy, MemoryRoot, ZombieCount, ZombieCounter};

use super::rig::{Rig, agree};
use super::slow::{count, lines, row};

const FILE: &str = "sys/fs/cgroup/cgroup.stat";

thread_local! {
    static RIG: RefCell<Rig> = RefCell::new(Rig::new());
}

/// The memory part's own count where the kernel has one for each controller.
fn dying(bytes: &[u8]) -> Option<ZombieCount> {
    let lines = lines(bytes)?;
    let value = |name| match row(&lines, name) {
        Some(row) if row.len() == 2 => Some(count(row.get(1))),
        Some(_) => Some(None),
        None => None,
    };
    let of_memory = value("nr_dying_subsys_memory");
    let counts_controllers = row(&lines, "nr_subsys_memory").is_some();
    let found = match of_memory {
        Some(found) => found,
        None if counts_controllers => None,
        None => value("nr_dying_descendants").flatten(),
    };
    found.map(ZombieCount::exactly)
}

/// Feeds `bytes` to the reader.
pub fn check(bytes: &[u8]) {
    RIG.with_borrow_mut(|rig| {
        rig.write(FILE, bytes);
        let root = MemoryRoot {
            version: CgroupVersion::V2,
            hierarchy: Hierarchy::V2,
            dir: rig.roots.cgroup.clone(),
        };
        let counter = ZombieCounter::open(&rig.roots, &root).unwrap();
        let got = counter.count(&mut rig.buffer);
        agree(FILE, got, dying(bytes));
    });
}
