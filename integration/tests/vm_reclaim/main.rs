//! `memory.reclaim` on kernels that have it and on one that does not: what this
//! machine's own, with memory on cgroup v1, cannot show.
#![allow(clippy::unwrap_used)]

mod guest;

use std::sync::{Mutex, MutexGuard, PoisonError};

use guest::Guest;
use unstall_integration::testing::{real, vm_can_run};
use unstall_integration::vm::{Cgroups, Kernel};

const ZOMBIES: u64 = 2_000;
/// Of each: 125 MiB in all.
const PAGES: u64 = 16;
/// What comes and goes on a machine with systemd.
const NOISE: u64 = 100;

/// One machine at a time: each has two CPUs' work to do.
fn turn() -> Option<MutexGuard<'static, ()>> {
    static TURN: Mutex<()> = Mutex::new(());
    vm_can_run().then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

/// All of them go by `least` steps or more alone, and the page cache as a whole stays.
fn steps_alone_suffice(kernel: Kernel, least: u64) {
    let Some(_turn) = turn() else { return };
    let mut guest = Guest::start(kernel, Cgroups::V2);
    guest.make_zombies(ZOMBIES, PAGES);
    let before = guest.dying();
    assert!(before >= ZOMBIES, "{before} zombies were made");
    let outcome = guest.drop_caches();
    assert_eq!(outcome["state"], "Succeeded", "{outcome}");
    let reclaimed = &outcome["reclaimed"];
    assert_eq!(reclaimed["end"], "Gone", "{outcome}");
    assert_eq!(outcome.get("passes"), None, "{outcome}");
    let steps = reclaimed["steps"].as_u64().unwrap();
    assert!((least..=64).contains(&steps), "{outcome}");
    assert_eq!(guest.drops(), 0, "the page cache was dropped as a whole");
    let after = guest.dying();
    assert!(after < NOISE, "{after} zombies of {before} are left");
    real(&format!(
        "Linux {kernel}: memory.reclaim alone freed {before} zombies to {after} in {steps} steps"
    ));
}

/// It takes up to 32 pages of every cgroup at the first step, so that may be all.
#[test]
fn on_6_1_which_does_not_know_swappiness_steps_suffice() {
    steps_alone_suffice(Kernel::Linux6_1, 1);
}

#[test]
fn on_6_12_steps_suffice() {
    steps_alone_suffice(Kernel::Linux6_12, 3);
}

#[test]
fn where_there_is_no_such_file_the_page_cache_is_dropped() {
    let Some(_turn) = turn() else { return };
    let mut guest = Guest::start(Kernel::Linux6_1, Cgroups::V1);
    guest.make_zombies(ZOMBIES, PAGES);
    let before = guest.memory_cgroups();
    let outcome = guest.drop_caches();
    assert_eq!(outcome["state"], "Succeeded", "{outcome}");
    assert_eq!(outcome.get("reclaimed"), None, "{outcome}");
    let message = outcome["message"].as_str().unwrap();
    let why = "memory.reclaim was given up: opening /host/memory.reclaim";
    assert!(message.contains(why), "{message}");
    assert!(guest.drops() > 0);
    let after = guest.memory_cgroups();
    assert!(after + ZOMBIES - NOISE < before, "{before} -> {after}");
}
