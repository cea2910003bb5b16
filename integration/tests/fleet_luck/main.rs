//! Bad luck, one misfortune after the other on one fleet: machines that do not come
//! back, clocks that are wrong, people who interfere, and what is killed meanwhile.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

mod agents;
mod control;
mod luck;
mod people;

use unstall_integration::vm::Kernel;
use unstall_integration::vm_fleet::Bed;

use luck::Luck;

const PROGRAMS: [&str; 2] = [
    env!("CARGO_BIN_EXE_cluster"),
    env!("CARGO_BIN_EXE_incident"),
];

type Case = (&'static str, fn(&Luck<'_>));

/// In this order; `CASES` names those to be played, with commas between them.
const CASES: [Case; 9] = [
    ("human uncordons", people::uncordons_amid_a_drain),
    ("human reboots", people::reboots_amid_a_drain),
    ("api server", control::loses_its_api_server_amid_a_drain),
    ("leaders", control::loses_its_leader_in_each_phase),
    ("clock ahead", agents::clock_an_hour_ahead),
    ("clock behind", agents::clock_an_hour_behind),
    (
        "actuator",
        agents::actuator_killed_between_journal_and_reboot,
    ),
    ("never back", agents::machine_never_comes_back),
    ("node made again", people::node_made_again_amid_a_drain),
];

#[test]
fn bad_luck_ends_as_the_handbook_says() {
    let nodes = [
        ("node-1", Kernel::Linux6_1),
        ("node-2", Kernel::Walk),
        ("node-3", Kernel::Walk),
    ];
    let only = std::env::var("CASES").unwrap_or_default();
    let names: Vec<&str> = only.split(',').filter(|it| !it.is_empty()).collect();
    let known = CASES.map(|(name, _)| name);
    if let Some(unknown) = names.iter().find(|it| !known.contains(it)) {
        panic!("CASES names {unknown:?}, which is none of {known:?}");
    }
    let Some(bed) = Bed::start("luck", PROGRAMS, &nodes) else {
        return;
    };
    bed.apply(include_str!("policy.yaml"));
    let is_wanted = |name: &str| names.is_empty() || names.contains(&name);
    for (name, play) in CASES.iter().filter(|(name, _)| is_wanted(name)) {
        println!("--- {name}");
        play(&Luck::new(&bed, name));
    }
}
