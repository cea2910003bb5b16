//! `memory.reclaim` before the caches are dropped: here with pipes in its place; what kernels make of
//! it is seen in virtual machines.

use std::fs;
use std::os::unix::fs::symlink;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use node_probe::actuator::CommandOutcome;
use node_probe::actuator::steps::StepsEnd;
use unstall_crds::command::DropLevel;
use unstall_crds::health::CommandState;

use crate::rig::{Rig, lacking, payload};

const STEP: &str = "33554432 swappiness=0";

/// Starts the actuator with both files of the opt-in, where 5,000 zombies are.
fn start(rig: &mut Rig, extra: &[&str]) {
    rig.set_zombies(5_000);
    let (file, stat) = (rig.path("memory.reclaim"), rig.path("cgroup.stat"));
    let mut arguments = vec![
        "--memory-reclaim-file",
        file.to_str().unwrap(),
        "--cgroup-stat-file",
        stat.to_str().unwrap(),
    ];
    arguments.extend(extra);
    rig.start(&arguments);
}

fn auto(rig: &Rig) -> CommandOutcome {
    rig.execute(&payload("one"));
    let end = rig.end_of("one");
    assert_eq!(end.state, CommandState::Succeeded, "{end:?}");
    end
}

#[test]
fn where_steps_are_enough_no_cache_is_dropped() {
    if lacking() {
        return;
    }
    let mut rig = Rig::new();
    let dropped = rig.kernel(&[]);
    let reclaimed = rig.reclaiming_kernel(&[3_000, 900, 30]);
    start(&mut rig, &[]);
    let end = auto(&rig);
    let steps = end.reclaimed.clone().unwrap();
    assert_eq!((steps.steps, steps.end), (3, StepsEnd::Gone), "{end:?}");
    assert_eq!(
        (steps.zombies_before, steps.zombies_after),
        (5_000, Some(30))
    );
    assert_eq!(
        steps.freed_bytes,
        Some(0),
        "the tree's meminfo stands still"
    );
    assert!(
        end.message
            .contains("zombies 5,000 -> 30; no cache was dropped"),
        "{}",
        end.message
    );
    assert!(end.passes.is_empty());
    assert_eq!(reclaimed.try_iter().collect::<Vec<_>>(), [STEP; 3]);
    assert_eq!(dropped.try_iter().count(), 0);

    let status = end.into_status();
    assert_eq!((status.reclaim_steps, status.passes), (Some(3), None));
    assert!(rig.journal().contains("\"zombiesAfter\": 30"));
}

#[test]
fn steps_that_do_not_help_give_way_to_dropping() {
    if lacking() {
        return;
    }
    let mut rig = Rig::new();
    let dropped = rig.kernel(&[20]);
    let reclaimed = rig.reclaiming_kernel(&[]);
    start(&mut rig, &[]);
    let end = auto(&rig);
    let steps = end.reclaimed.as_ref().unwrap();
    assert_eq!((steps.steps, steps.end), (8, StepsEnd::NoFall), "{end:?}");
    assert_eq!(reclaimed.try_iter().count(), 8);
    assert!(dropped.try_iter().count() > 0);
    for part in ["zombies 5,000 -> 5,000; dropped PageCache", "20,018 -> 20"] {
        assert!(end.message.contains(part), "{}", end.message);
    }
}

#[test]
fn whoever_names_a_level_gets_that_and_no_steps() {
    if lacking() {
        return;
    }
    let mut rig = Rig::new();
    let dropped = rig.kernel(&[20]);
    let reclaimed = rig.reclaiming_kernel(&[30]);
    start(&mut rig, &[]);
    let mut named = payload("one");
    named.level = Some(DropLevel::Slab);
    rig.execute(&named);
    assert_eq!(rig.end_of("one").reclaimed, None);
    assert_eq!(reclaimed.try_iter().count(), 0);
    assert_eq!(dropped.try_iter().next().as_deref(), Some("2"));
}

#[test]
fn what_hinders_the_steps_is_said_and_the_cache_is_dropped() {
    if lacking() {
        return;
    }
    // Absent, as on cgroup v1 and before Linux 5.19; and a count that cannot be read.
    let mut rig = Rig::new();
    let dropped = rig.kernel(&[20]);
    start(&mut rig, &[]);
    let end = auto(&rig);
    assert_eq!(end.reclaimed, None);
    assert!(
        end.message.contains("memory.reclaim was given up: opening"),
        "{}",
        end.message
    );
    assert!(dropped.try_iter().count() > 0);

    let mut rig = Rig::new();
    let dropped = rig.kernel(&[20]);
    let reclaimed = rig.reclaiming_kernel(&[30]);
    start(&mut rig, &[]);
    fs::write(rig.path("cgroup.stat"), "nr_descendants 40\n").unwrap();
    let end = auto(&rig);
    assert!(
        end.message.contains("cgroup.stat: no row"),
        "{}",
        end.message
    );
    assert_eq!(reclaimed.try_iter().count(), 0);
    assert!(dropped.try_iter().count() > 0);
}

/// The kernel's own parser of one number stands in for one that does not know `swappiness=`.
#[test]
fn an_older_kernel_is_asked_plainly_where_nothing_could_be_swapped_out() {
    if lacking() {
        return;
    }
    for (swap, steps) in [
        ("SwapTotal: 0 kB\n", Some(8)),
        ("SwapTotal: 8 kB\n", None),
        ("", None),
    ] {
        let mut rig = Rig::new();
        let _dropped = rig.kernel(&[20]);
        symlink("/proc/self/coredump_filter", rig.path("memory.reclaim")).unwrap();
        let caches = "Cached: 2000 kB\nSReclaimable: 48 kB\n";
        fs::write(rig.path("root/proc/meminfo"), format!("{caches}{swap}")).unwrap();
        start(&mut rig, &[]);
        let end = auto(&rig);
        let taken = end.reclaimed.as_ref().map(|reclaimed| reclaimed.steps);
        assert_eq!(taken, steps, "{swap:?}: {end:?}");
        assert_eq!(
            end.message.contains("does not know swappiness="),
            steps.is_none(),
            "{swap:?}: {}",
            end.message
        );
    }
}

#[test]
fn a_step_that_hangs_is_killed_and_the_cache_is_dropped() {
    if lacking() {
        return;
    }
    let mut rig = Rig::new();
    let dropped = rig.kernel(&[20]);
    mkfifo(&rig.path("memory.reclaim"), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    let _pipe = rig.full_pipe("memory.reclaim");
    start(&mut rig, &["--command-timeout", "20s"]);
    rig.execute(&payload("one"));
    let end = rig.end_of("one");
    assert_eq!(end.state, CommandState::Succeeded, "{end:?}");
    assert_eq!(end.reclaimed, None, "no step was completed");
    assert!(
        end.message.contains("a step did not return within"),
        "{}",
        end.message
    );
    assert!(dropped.try_iter().count() > 0);
}
