//! `/proc/meminfo`: what `drop_caches` could free.

use std::cell::RefCell;

use node_probe::actuator::counts;

use super::rig::Rig;
use super::slow::{lines, number, row};

thread_local! {
    static RIG: RefCell<Rig> = RefCell::new(Rig::new());
}

/// Page cache and reclaimable slab in bytes, if both are said in kB.
fn reclaimable(bytes: &[u8]) -> Option<u64> {
    let lines = lines(bytes)?;
    let kib = |name| {
        let row = row(&lines, name)?;
        (row.get(2) == Some(&"kB"))
            .then(|| number(row.get(1)))
            .flatten()
    };
    kib("Cached:")?
        .checked_add(kib("SReclaimable:")?)?
        .checked_mul(1_024)
}

/// Feeds `bytes` to the reader.
pub fn check(bytes: &[u8]) {
    RIG.with_borrow(|rig| {
        rig.write("proc/meminfo", bytes);
        assert_eq!(
            counts::reclaimable_bytes(&rig.roots.proc),
            reclaimable(bytes)
        );
    });
}
