//! Measuring, judging and counting for /metrics allocate nothing once the first
//! samples are in: the probe runs for months on every node.
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use node_probe::judge::{Corroborator, Judge, Rule, Signal, State, Statistic, Trigger};
use node_probe::sample::{Observer, Roots, monotonic};

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

/// For each signal a rule that fires, one that another signal denies, and one
/// whose corroborator nobody knows.
fn rules() -> Vec<Rule> {
    let corroborators = [
        None,
        Some(("MemoryStatReadWall", Some(Signal::MemoryStatReadWall))),
        Some(("NetworkStall", None)),
    ];
    let mut rules = Vec::new();
    for signal in Signal::ALL {
        for corroborator in corroborators {
            let corroborated_by = corroborator.map(|(name, signal)| Corroborator {
                name: name.to_owned(),
                signal,
                elevated: u64::MAX,
            });
            rules.push(Rule {
                policy: "kernel-stalls".to_owned(),
                name: format!("{signal}-{}", rules.len()),
                signal_hash: "a1".to_owned(),
                signal,
                statistic: Statistic::P90,
                samples: 1,
                above: 0,
                clear_below: 0,
                hold: std::time::Duration::ZERO,
                corroborated_by: corroborated_by.into_iter().collect(),
                not_here: None,
            });
        }
    }
    rules
}

/// The only test of this binary: another one would allocate beside it.
#[test]
fn a_steady_cycle_allocates_nothing() {
    for name in ["v1", "v2"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(name);
        let mut observer = Observer::open(Roots::under(&root));
        // Every cycle then ends a window, the dearest that it can do.
        observer.set_window(std::time::Duration::ZERO);
        let mut judge = Judge::default();
        judge.set_rules(rules(), monotonic());
        #[cfg(feature = "cluster")]
        let metrics = node_probe::metrics::Metrics::default();
        let mut cycle = || {
            let observation = observer.observe();
            judge.observe(&observation);
            #[cfg(feature = "cluster")]
            metrics.observe(&observation);
            observer.tick();
        };
        (0..3).for_each(|_| cycle());
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        (0..200).for_each(|_| cycle());
        let after = ALLOCATIONS.load(Ordering::Relaxed);
        assert!(before > 0, "the counter counts");
        assert_eq!(after - before, 0, "allocations of 200 cycles on {name}");
        let states: Vec<State> = judge.triggers()[..3].iter().map(Trigger::state).collect();
        let all = [State::Firing, State::Clear, State::Unknown];
        assert_eq!(states, all, "of one signal on {name}");
    }
}
