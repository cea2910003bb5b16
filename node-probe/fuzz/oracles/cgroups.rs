//! `/proc/cgroups`: the probe's zombies of version 1, and the actuator's count.

use std::cell::RefCell;

use node_probe::sample::{CgroupVersion, Hierarchy, MemoryRoot, ZombieCount, ZombieCounter};

use super::rig::{Rig, agree};
use super::slow::{count, lines, row, words};

const FILE: &str = "proc/cgroups";
/// The directories of the tree beside it, the root included.
const LIVE: u64 = 4;

thread_local! {
    static RIG: RefCell<(Rig, MemoryRoot)> = RefCell::new(rig());
}

fn rig() -> (Rig, MemoryRoot) {
    let rig = Rig::new();
    for leaf in ["a/b", "c"] {
        rig.write(
            &format!("sys/fs/cgroup/memory/{leaf}/memory.stat"),
            "cache 0\n",
        );
    }
    let memory = MemoryRoot {
        version: CgroupVersion::V1,
        hierarchy: Hierarchy::V1,
        dir: rig.path("sys/fs/cgroup/memory"),
    };
    (rig, memory)
}

/// The two numbers of the memory row: hierarchy and cgroups.
fn memory(bytes: &[u8]) -> Option<(u64, u64)> {
    let lines = table(bytes)?;
    let row = row(&lines, "memory")?;
    Some((count(row.get(1))?, count(row.get(2))?))
}

/// The lines of a table whose columns are those that are known.
fn table(bytes: &[u8]) -> Option<Vec<&str>> {
    let lines = lines(bytes)?;
    let known = words(lines.first()?).starts_with(&["#subsys_name", "hierarchy", "num_cgroups"]);
    known.then_some(lines)
}

fn zombies(bytes: &[u8]) -> Option<ZombieCount> {
    let (hierarchy, total) = memory(bytes)?;
    if hierarchy == 0 {
        return None;
    }
    total.checked_sub(LIVE).map(ZombieCount::exactly)
}

/// Feeds `bytes` to the readers.
pub fn check(bytes: &[u8]) {
    RIG.with_borrow_mut(|(rig, root)| {
        rig.write(FILE, bytes);
        let counter = ZombieCounter::open(&rig.roots, root).unwrap();
        let got = counter.count(&mut rig.buffer);
        agree(FILE, got, zombies(bytes));
        let cut = &bytes[..bytes.len() / 2];
        rig.write(FILE, cut);
        if let (Ok(of_cut), Some(whole)) = (counter.count(&mut rig.buffer), zombies(bytes)) {
            assert_eq!(of_cut, whole, "a cut table");
        }
        #[cfg(feature = "cluster")]
        actuator(rig, bytes);
    });
}

/// The actuator takes the unified hierarchy's number where there is no row.
#[cfg(feature = "cluster")]
fn actuator(rig: &Rig, bytes: &[u8]) {
    let of_memory = |lines: &[&str]| row(lines, "memory").map(|row| count(row.get(2)));
    let of_unified = |lines: &[&str]| {
        let mut rows = lines.iter().map(|line| words(line));
        let row = rows.find(|row| row.get(1) == Some(&"0"))?;
        count(row.get(2))
    };
    let expected =
        table(bytes).and_then(|lines| of_memory(&lines).unwrap_or_else(|| of_unified(&lines)));
    rig.write(FILE, bytes);
    let got = node_probe::actuator::counts::memory_cgroups(&rig.roots.proc);
    assert_eq!(got, expected, "the actuator's count");
}
