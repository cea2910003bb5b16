//! Hours of incidents and misfortunes on one fleet: nothing grows, nothing is left,
//! every incident is accounted for.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

mod faults;
mod memory;

use std::time::{Duration, Instant};

use serde_json::Value;
use unstall_integration::product::{left_on, list, text};
use unstall_integration::testing::real;
use unstall_integration::vm::Kernel;
use unstall_integration::vm_fleet::{Bed, Pages, Workload, make_zombies};

use memory::Memory;

const PROGRAMS: [&str; 2] = [
    env!("CARGO_BIN_EXE_cluster"),
    env!("CARGO_BIN_EXE_incident"),
];
/// The nodes that fall ill, in turn; the first one stays well and is measured longest.
const SICK: [&str; 2] = ["node-2", LASTING];
/// In the second half nothing of ours ends on this one, so that it is seen whether incidents let
/// probe and actuator grow.
const LASTING: &str = "node-3";
const ZOMBIES: u32 = 2_000;
/// Every fifth incident needs a reboot, so that in time each misfortune meets one on either node.
const REBOOT_EVERY: usize = 5;
const PAUSE: Duration = Duration::from_secs(20);
const WORKLOAD: Workload = Workload {
    name: "workload",
    replicas: 3,
    node: None,
    min_available: 2,
};

/// For `SOAK` minutes (120 by default); with less than 80 no leader lives long enough to be judged.
fn length() -> Duration {
    let minutes = std::env::var("SOAK").map_or(120, |minutes| minutes.parse().unwrap());
    Duration::from_secs(minutes * 60)
}

#[test]
fn hours_of_incidents_leave_nothing_and_let_nothing_grow() {
    let nodes = [
        ("node-1", Kernel::Linux6_1),
        (SICK[0], Kernel::Walk),
        (SICK[1], Kernel::Walk),
    ];
    let Some(bed) = Bed::start("soak", PROGRAMS, &nodes) else {
        return;
    };
    WORKLOAD.deploy(bed.fleet()).unwrap();
    bed.apply(include_str!("policy.yaml"));
    let memory = Memory::begin();
    let (started, mut ended) = (Instant::now(), Vec::new());
    let mut is_second_half = false;
    while started.elapsed() < length() {
        if !is_second_half && started.elapsed() > length() / 2 {
            is_second_half = true;
            keep_controllers(&bed);
        }
        ended.push(one(&bed, ended.len(), is_second_half));
        memory.look(&bed);
        println!("{}", memory.line());
        std::thread::sleep(PAUSE);
    }
    all_accounted_for(&bed, &ended);
    for name in SICK.into_iter().chain(["node-1"]) {
        bed.until_given_back(name);
    }
    nothing_left(&bed.now());
    let by = |remedy: &str| {
        ended
            .iter()
            .filter(|it| text(it, "/status/remedy") == Some(remedy))
            .count()
    };
    real(&format!(
        "{} min of a fleet in virtual machines: {} incidents, {} Fixed by drop, {} by reboot; {}",
        started.elapsed().as_secs() / 60,
        ended.len(),
        by("drop"),
        by("reboot"),
        memory.line()
    ));
    memory.assert_flat(LASTING);
}

/// From now on the controllers live where nothing happens.
fn keep_controllers(bed: &Bed) {
    let on = r#"{"spec": {"template": {"spec": {"nodeSelector": {"kubernetes.io/hostname": "node-1"}}}}}"#;
    let deployment = ["deployment", "unstall-controller", "-n", "unstall-system"];
    bed.kubectl(&[&["patch"], &deployment[..], &["-p", on]].concat());
    bed.kubectl(&[&["rollout", "status"], &deployment[..], &["--timeout=5m"]].concat());
}

/// One incident with its misfortune, to its end.
fn one(bed: &Bed, index: usize, is_second_half: bool) -> Value {
    let name = SICK[index % SICK.len()];
    let count = index / SICK.len() + 1;
    let lasts = is_second_half && name == LASTING;
    let pages = if index % REBOOT_EVERY == REBOOT_EVERY - 1 && !lasts {
        Pages::OfMemory
    } else {
        Pages::OfAFile
    };
    let fault = faults::of(index, is_second_half, lasts);
    println!("--- incident {index} on {name}, {pages:?}, {}", fault.name);
    bed.until_clear(name);
    make_zombies(bed.node(name), ZOMBIES, pages).unwrap();
    bed.until("an incident", |objects| {
        let id = format!("{name}-{count}");
        objects
            .iter()
            .any(|it| text(it, "/metadata/name") == Some(&id))
    });
    (fault.strike)(bed, name);
    let ended = bed.until_ended(name, count);
    let outcome = text(&ended, "/status/outcome").unwrap();
    println!(
        "{outcome}: {}",
        text(&ended, "/status/message").unwrap_or_default()
    );
    assert_eq!(outcome, "Fixed", "{ended:#}");
    bed.until_given_back(name);
    ended
}

/// Each was opened because of zombies that were made, and ended.
fn all_accounted_for(bed: &Bed, ended: &[Value]) {
    let objects = bed.now();
    let mut records: Vec<_> = (objects.iter())
        .filter(|it| text(it, "/kind") == Some("NodeRemediation"))
        .map(|it| {
            (
                text(it, "/metadata/name").unwrap(),
                text(it, "/status/outcome"),
            )
        })
        .collect();
    let mut known: Vec<_> = (ended.iter())
        .map(|it| (text(it, "/metadata/name").unwrap(), Some("Fixed")))
        .collect();
    records.sort_unstable();
    known.sort_unstable();
    assert_eq!(records, known);
}

fn nothing_left(objects: &[Value]) {
    for it in objects {
        match text(it, "/kind").unwrap_or_default() {
            "Node" => {
                assert_eq!(left_on(it), [""; 0], "{it:#}");
                assert_eq!(list(it, "/spec/taints").len(), 0, "{it:#}");
            }
            "NodeHealth" => assert_eq!(it.pointer("/spec/command"), None, "{it:#}"),
            "DisruptionLedger" => assert_eq!(list(it, "/status/slots").len(), 0, "{it:#}"),
            _ => {}
        }
    }
}
