//! GitHub's incident on a node whose kernel walks the dead: found by measurement,
//! cured on the node where that helps, else by a reboot that a budget of
//! disruptions holds up first.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

use serde_json::Value;
use unstall_integration::product::{left_on, list, text};
use unstall_integration::vm::Kernel;
use unstall_integration::vm_fleet::{
    Availability, Bed, Pages, Workload, boot_id, health, make_zombies, node, tell,
};

const POLICY: &str = include_str!("policy.yaml");
const PROGRAMS: [&str; 2] = [
    env!("CARGO_BIN_EXE_cluster"),
    env!("CARGO_BIN_EXE_incident"),
];
/// Until somebody changes its budget no pod of it may be disrupted.
const WORKLOAD: Workload = Workload {
    name: "workload",
    replicas: 2,
    node: None,
    min_available: 2,
};
const SICK: &str = "node-2";
/// How a node goes that is rebooted and given back.
const REBOOTED: [&str; 7] = [
    "Cordoning",
    "Draining",
    "Rebooting",
    "Proving",
    "Soaking",
    "Uncordoning",
    "Ended",
];
/// Reads then take some 20 ms on an idle CPU, and 0.3 ms without them.
const ZOMBIES: u32 = 3_000;

#[test]
fn the_walk_is_found_and_cured_by_dropping_caches_or_else_by_a_reboot() {
    let nodes = [("node-1", Kernel::Linux6_1), (SICK, Kernel::Walk)];
    let Some(bed) = Bed::start("walk", PROGRAMS, &nodes) else {
        return;
    };
    WORKLOAD.deploy(bed.fleet()).unwrap();
    bed.apply(POLICY);
    bed.until_clear(SICK);
    let first = boot_id(&bed.now(), SICK).unwrap().to_owned();

    let cured = cured_on_the_node(&bed, &first);
    let watch = Availability::watch(WORKLOAD, bed.fleet()).unwrap();
    rebooted(&bed, &first, cured + 1);
    let (least, looks) = watch.least().unwrap();
    assert!(looks > 20, "{looks} looks");
    assert!(least >= 1, "{least} pods were available");
}

/// How many incidents it took until one named the walk: on a busy machine a repeated read may
/// differ from the first one as much as those of flushes do.
fn cured_on_the_node(bed: &Bed, boot: &str) -> usize {
    let named = (1..=3).find(|number| {
        make_zombies(bed.node(SICK), ZOMBIES, Pages::OfAFile).unwrap();
        let ended = bed.until_ended(SICK, *number);
        tell("the walk, pages of a file", &ended);
        was_dropped(&ended);
        let objects = bed.now();
        assert_eq!(boot_id(&objects, SICK), Some(boot), "it was not rebooted");
        let of_others = objects.iter().filter(|it| {
            text(it, "/kind") == Some("NodeRemediation") && text(it, "/spec/nodeName") != Some(SICK)
        });
        assert_eq!(of_others.count(), 0, "the other node is left alone");
        bed.until_clear(SICK);
        // Where it is named the cure is seconds away: what fired tells it for good.
        let told = ended["status"]["evidence"].as_array().unwrap();
        let names = |it: &Value| it.as_str().unwrap().contains("each walks the cgroup tree");
        println!("incident {number}: {told:#?}");
        told.iter().any(names)
    });
    named.expect("an incident whose evidence names the walk")
}

fn was_dropped(ended: &Value) {
    assert_eq!(text(ended, "/status/outcome"), Some("Fixed"), "{ended:#}");
    assert_eq!(text(ended, "/status/remedy"), Some("drop"), "{ended:#}");
    assert!(zombies(ended, "before") >= u64::from(ZOMBIES), "{ended:#}");
    let few = u64::from(ZOMBIES) / 10;
    assert!(zombies(ended, "after") < few, "{ended:#}");
}

fn rebooted(bed: &Bed, boot: &str, number: usize) {
    make_zombies(bed.node(SICK), ZOMBIES, Pages::OfMemory).unwrap();
    let why = bed.until_blocked(SICK, "PodDisruptionBudget");
    assert!(why.contains("workload"), "{why}");
    println!("held up: {why}");
    let held = bed.now();
    assert_eq!(
        boot_id(&held, SICK),
        Some(boot),
        "not while a budget forbids"
    );
    WORKLOAD.allow(bed.fleet(), 1).unwrap();

    let ended = bed.until_ended(SICK, number);
    tell("the walk, pages of memory", &ended);
    assert_eq!(text(&ended, "/status/outcome"), Some("Fixed"), "{ended:#}");
    assert_eq!(text(&ended, "/status/remedy"), Some("reboot"), "{ended:#}");
    let results: Vec<_> = (ended["status"]["rungs"].as_array().unwrap().iter())
        .map(|rung| (text(rung, "/remedy"), text(rung, "/result")))
        .collect();
    let wanted = [
        (Some("drop"), Some("NoEffect")),
        (Some("reboot"), Some("Cured")),
    ];
    assert_eq!(results, wanted, "{ended:#}");
    let new = text(&ended, "/status/proof/boot/bootIDAfter").unwrap();
    assert_ne!(new, boot);
    let phases: Vec<_> = (list(&ended, "/status/phases").iter())
        .filter_map(|it| text(it, "/phase"))
        .collect();
    assert!(phases.ends_with(&REBOOTED), "{phases:?}");
    let said = text(&ended, "/status/rungs/1/message").unwrap_or_default();
    println!("the reboot: {said}");

    bed.until_given_back(SICK);
    let objects = bed.until("probe and kubelet to tell of the new boot", |objects| {
        health(objects, SICK).is_some_and(|it| text(it, "/status/bootID") == Some(new))
            && boot_id(objects, SICK) == Some(new)
    });
    let after = node(&objects, SICK).unwrap();
    assert_eq!(after.pointer("/spec/taints"), None, "{after:#}");
    assert_eq!(left_on(after), [""; 0], "{after:#}");
    assert_eq!(
        bed.node(SICK).boots().len(),
        2,
        "it booted once more, and once"
    );
}

fn zombies(incident: &Value, when: &str) -> u64 {
    let path = format!("/status/proof/{when}/zombieMemcgs");
    text(incident, &path).unwrap().parse().unwrap()
}
