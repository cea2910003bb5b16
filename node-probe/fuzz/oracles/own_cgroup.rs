//! `/proc/self/cgroup`, and two looks at a `cpu.stat`.

use std::cell::RefCell;
use std::path::Component;

use node_probe::sample::{InterferenceWatch, own_cgroup_path};

use super::rig::{Rig, files};
use super::slow::{lines, number, row};

const OWN: &str = "proc/self/cgroup";
const STAT: &str = "own/cpu/cpu.stat";

thread_local! {
    static RIG: RefCell<Rig> = RefCell::new(rig());
}

fn rig() -> Rig {
    let mut rig = Rig::new();
    rig.roots.own_cgroup = Some(rig.path("own"));
    rig
}

/// The path of the first row of `controller`, if it is one below the root.
fn path<'a>(bytes: &'a [u8], controller: &str) -> Option<&'a str> {
    let lines = lines(bytes)?;
    let (_, path) = lines.into_iter().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (names, path) = rest.split_once(':')?;
        names
            .split(',')
            .any(|name| name == controller)
            .then_some((names, path))
    })?;
    let path = path.strip_prefix('/')?;
    let is_below = |part| !["", ".."].contains(&part);
    path.split('/').all(is_below).then_some(path)
}

fn throttled(bytes: &[u8]) -> Option<u64> {
    let row = row(&lines(bytes)?, "nr_throttled")?;
    (row.len() == 2).then(|| number(row.get(1))).flatten()
}

/// Feeds `bytes` to the readers.
pub fn check(bytes: &[u8]) {
    let [own, first, second] = files(bytes);
    RIG.with_borrow_mut(|rig| {
        rig.write(OWN, own);
        for controller in ["", "cpu", "memory"] {
            let got = own_cgroup_path(&rig.roots.proc, controller, &mut rig.buffer);
            assert_eq!(
                got.as_deref().map(|path| path.to_str().unwrap()),
                path(own, controller)
            );
            let parts = got.iter().flat_map(|path| path.components());
            assert!(
                parts
                    .clone()
                    .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
            );
        }
        // Whatever it says, no such directory is in this tree.
        rig.write(STAT, first);
        let watch = InterferenceWatch::open(&rig.roots, None, &mut rig.buffer);
        let before = watch.look(&mut rig.buffer);
        rig.write(STAT, second);
        let rise = watch.since(&before, &mut rig.buffer).throttled;
        let expected = throttled(second).and_then(|now| now.checked_sub(throttled(first)?));
        assert_eq!(rise, expected, "own throttling");
    });
}
