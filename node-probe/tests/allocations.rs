//! Measuring and judging allocate nothing once the first samples are in: the
//! probe runs for months on every node.
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use node_probe::judge::Judge;
use node_probe::sample::{Observer, Roots};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every method passes its arguments on to the system's allocator, whose
// contract is the caller's, and touches nothing else but a counter.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as promised by our caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as promised by our caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The only test of this binary: another one would allocate beside it.
#[test]
fn a_steady_cycle_allocates_nothing() {
    for name in ["v1", "v2"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(name);
        let mut observer = Observer::open(Roots::under(&root));
        let mut judge = Judge::default();
        for _ in 0..3 {
            judge.observe(&observer.observe());
        }
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        for _ in 0..200 {
            judge.observe(&observer.observe());
        }
        let after = ALLOCATIONS.load(Ordering::Relaxed);
        assert!(before > 0, "the counter counts");
        assert_eq!(after - before, 0, "allocations of 200 cycles on {name}");
    }
}
