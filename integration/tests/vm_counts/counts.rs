//! The probe's count and the kernel's.

use serde_json::Value;
use unstall_integration::testing::real;
use unstall_integration::vm::{Cgroups, Kernel};

use crate::guest::Guest;

const MADE: u32 = 1_000;

/// Says what was seen, to who looks at the test and in the summary.
pub fn tell(fact: &str) {
    println!("{fact}");
    real(fact);
}

/// Makes zombies and holds the probe against `truth`, which must not move
/// meanwhile.
fn counts(
    kernel: Kernel,
    cgroups: Cgroups,
    truth: impl Fn(&mut Guest) -> Option<u64>,
) -> Option<(Guest, u64)> {
    let mut guest = Guest::start(kernel, cgroups)?;
    let before = truth(&mut guest).unwrap();
    let none = guest.probe("--samples 3");
    assert_eq!(none["zombieMemcgs"], before, "{none}");
    guest.make_zombies(MADE, "/data/pages");
    let made = truth(&mut guest).unwrap();
    let some = guest.probe("--samples 3");
    assert_eq!(truth(&mut guest), Some(made), "the count moved");
    assert_eq!(some["zombieMemcgs"], made, "{some}");
    let version = if cgroups == Cgroups::V1 { "v1" } else { "v2" };
    assert_eq!(some["host"]["memoryHierarchy"], version);
    Some((guest, made))
}

#[test]
fn linux_6_1_on_version_2() {
    let counted = counts(Kernel::Linux6_1, Cgroups::V2, Guest::own_count);
    let Some((guest, count)) = counted else {
        return;
    };
    assert!(count >= u64::from(MADE), "{count}");
    let release = &guest.release;
    tell(&format!(
        "Linux {release} in a VM, v2: {MADE} zombies made, nr_dying_descendants {count}, probe {count}"
    ));
}

#[test]
fn linux_6_1_on_version_1() {
    let counted = counts(Kernel::Linux6_1, Cgroups::V1, Guest::difference);
    let Some((guest, count)) = counted else {
        return;
    };
    assert!(count >= u64::from(MADE), "{count}");
    let release = &guest.release;
    tell(&format!(
        "Linux {release} in a VM, v1: {MADE} zombies made, num_cgroups less directories {count}, probe {count}"
    ));
}

#[test]
fn linux_6_12_on_version_2() {
    let counted = counts(Kernel::Linux6_12, Cgroups::V2, Guest::own_count);
    let Some((mut guest, count)) = counted else {
        return;
    };
    assert!(count >= u64::from(MADE), "{count}");
    let stat = guest.check("cat /sys/fs/cgroup/cgroup.stat");
    assert!(stat.contains("nr_dying_subsys_memory"), "{stat}");
    let release = &guest.release;
    tell(&format!(
        "Linux {release} in a VM, v2: {MADE} zombies made, nr_dying_subsys_memory {count}, probe {count}"
    ));
}

/// From 7.1 on dead cgroups do not stay, and `/proc/cgroups` lacks the row that
/// version 1 is counted by: that is Unknown, not none.
#[test]
fn linux_7_releases_them_and_lacks_the_row() {
    let counted = counts(Kernel::Linux7, Cgroups::V2, Guest::own_count);
    let Some((mut guest, count)) = counted else {
        return;
    };
    assert!(count < u64::from(MADE) / 10, "{count}");
    let cgroups = guest.check("cat /proc/cgroups");
    assert!(!cgroups.contains("memory"), "{cgroups}");

    // A version 1 tree above this kernel's own /proc.
    guest.check(
        "set -e; tree=/v1/sys/fs/cgroup/memory; mkdir -p $tree/leaf /v1/proc; \
         mount -o bind /proc /v1/proc; touch $tree/release_agent; \
         cp /sys/fs/cgroup/memory.stat $tree/; cp $tree/memory.stat $tree/leaf/",
    );
    let report = guest.probe("--samples 3 --root /v1");
    assert_eq!(report["host"]["memoryHierarchy"], "v1", "{report}");
    assert_eq!(report["zombieMemcgs"], Value::Null, "{report}");
    let not_read = report["notRead"].as_array().unwrap();
    let why = not_read
        .iter()
        .find(|one| one["what"] == "ZombieMemcgs")
        .and_then(|one| one["why"].as_str())
        .unwrap();
    assert!(
        why.contains("/proc/cgroups") && why.contains("memory"),
        "{why}"
    );
    let sentence = report["sentence"].as_str().unwrap();
    assert!(sentence.contains("could not be counted"), "{sentence}");
    let release = &guest.release;
    tell(&format!(
        "Linux {release} in a VM, v2: {MADE} cgroups died, nr_dying_subsys_memory {count}, probe {count}; \
         as v1: {why}"
    ));
}
