//! A tree of directories, files and links that the bytes lay out, whose
//! directories the walk must count.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;

use node_probe::sample::{CgroupVersion, Hierarchy, MemoryRoot, ZombieCount, ZombieCounter};

use super::rig::{Rig, agree};

const TOTAL: u64 = 1_000;
/// Deeper trees are refused.
const DEPTH_MAX: usize = 32;
const STEPS_MAX: usize = 96;

thread_local! {
    static RIG: RefCell<Rig> = RefCell::new(rig());
}

fn rig() -> Rig {
    let rig = Rig::new();
    let header = "#subsys_name\thierarchy\tnum_cgroups\tenabled";
    rig.write("proc/cgroups", format!("{header}\nmemory\t4\t{TOTAL}\t1\n"));
    rig
}

/// Lays the tree out: directories made, the root included, and the depth.
fn lay_out(root: PathBuf, steps: &[u8]) -> (u64, usize) {
    fs::create_dir(&root).unwrap();
    let (mut at, mut depth, mut deepest, mut made) = (root.clone(), 0, 0, 1);
    for (name, step) in steps.iter().take(STEPS_MAX).enumerate() {
        let path = at.join(format!("{name}-{step}"));
        match step % 6 {
            0 | 1 => {
                fs::create_dir(&path).unwrap();
                made += 1;
                deepest = deepest.max(depth + 1);
                // Every other one is entered.
                if step % 6 == 0 {
                    (at, depth) = (path, depth + 1);
                }
            }
            2 if depth > 0 => {
                at.pop();
                depth -= 1;
            }
            3 => fs::write(path, "cache 0\n").unwrap(),
            4 => std::os::unix::fs::symlink(&root, path).unwrap(),
            5 => drop(std::os::unix::net::UnixListener::bind(path)),
            _ => {}
        }
    }
    (made, deepest)
}

/// Lays out what `bytes` say and counts it.
pub fn check(bytes: &[u8]) {
    RIG.with_borrow_mut(|rig| {
        let dir = rig.path("tree");
        let (made, deepest) = lay_out(dir.clone(), bytes);
        let root = MemoryRoot {
            version: CgroupVersion::V1,
            hierarchy: Hierarchy::V1,
            dir,
        };
        let counter = ZombieCounter::open(&rig.roots, &root).unwrap();
        let got = counter.count(&mut rig.buffer);
        // A directory at the last level counts; one inside of it is too deep.
        let expected = (deepest <= DEPTH_MAX + 1).then(|| ZombieCount::exactly(TOTAL - made));
        fs::remove_dir_all(&root.dir).unwrap();
        agree("tree", got, expected);
    });
}
