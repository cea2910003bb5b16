//! `/proc/meminfo`: what `drop_caches` could free, and the swap.

use std::cell::RefCell;

use node_probe::actuator::counts;

use super::rig::Rig;
use super::slow::{lines, number, row};

thread_local! {
    static RIG: RefCell<Rig> = RefCell::new(Rig::new());
}

/// The bytes of a row that says them in kB.
fn row_bytes(bytes: &[u8], name: &str) -> Option<u64> {
    let row = row(&lines(bytes)?, name)?;
    let kib = number(row.get(1)).filter(|_| row.get(2) == Some(&"kB"))?;
    kib.checked_mul(1_024)
}

/// Feeds `bytes` to the reader.
pub fn check(bytes: &[u8]) {
    RIG.with_borrow(|rig| {
        rig.write("proc/meminfo", bytes);
        let cached = row_bytes(bytes, "Cached:");
        let slab = row_bytes(bytes, "SReclaimable:");
        let both = cached
            .zip(slab)
            .and_then(|(cached, slab)| cached.checked_add(slab));
        assert_eq!(counts::reclaimable_bytes(&rig.roots.proc), both, "caches");
        let swap = row_bytes(bytes, "SwapTotal:");
        assert_eq!(counts::swap_bytes(&rig.roots.proc), swap, "swap");
    });
}
