//! The kernel that walks: reads are slow at rest, and said to be a walk.

use serde_json::Value;
use unstall_integration::vm::{Cgroups, Kernel};

use crate::counts::tell;
use crate::guest::Guest;

const FIRST: u32 = 500;
const MORE: u32 = 1_500;
/// A pass meets pages in use at times; see the thin path in docs/decisions.md.
const PASSES: u32 = 5;
const ASKED: u32 = 3;

#[test]
fn reads_of_the_walking_kernel_rise_with_zombies_at_rest_and_fall_with_them() {
    let Some(mut guest) = Guest::start(Kernel::Walk, Cgroups::V1) else {
        return;
    };
    let none = guest.difference().unwrap();
    let fast = guest.least_read();
    guest.make_zombies(FIRST, "/data/first");
    let slow = guest.least_read();
    guest.make_zombies(MORE, "/data/more");
    let made = guest.difference().unwrap();
    let slower = guest.least_read();
    assert!(
        made >= none + u64::from(FIRST + MORE),
        "{none}, then {made}"
    );
    assert!(
        fast * 5.0 < slow && slow * 2.0 < slower,
        "{fast} {slow} {slower} ms"
    );

    // No pulses: what is slow now is slow at rest.
    let sick = diagnosis(&mut guest);
    assert_eq!(guest.difference(), Some(made), "the count moved");
    assert_eq!(sick["zombieMemcgs"], made, "{sick}");
    assert_ne!(sick["verdict"], "Healthy", "{sick}");
    let sentence = sick["sentence"].as_str().unwrap().to_owned();
    assert!(
        sentence.contains("each walks the cgroup tree"),
        "{sentence}"
    );
    assert!(sentence.contains("zombie memcgs"), "{sentence}");

    let mut left = made;
    for _ in 0..PASSES {
        guest.check("sync; echo 1 >/proc/sys/vm/drop_caches");
        guest.settle();
        left = guest.difference().unwrap();
        if left < u64::from(FIRST) / 10 {
            break;
        }
    }
    let cured = guest.least_read();
    assert!(
        left < u64::from(FIRST) / 10,
        "{left} zombies are left of {made}"
    );
    assert!(cured < slow, "{cured} ms after the cure");
    let well = guest.probe("");
    assert_eq!(well["verdict"], "Healthy", "{well}");
    assert_eq!(well["zombieMemcgs"], left, "{well}");
    let release = &guest.release;
    tell(&format!(
        "Linux {release} in a VM, v1: root memory.stat {fast:.2} ms with {none} zombies, {slow:.1} ms with \
         {FIRST} more, {slower:.1} ms with {made}, {cured:.2} ms after drop_caches=1 left {left}; probe: {sentence}"
    ));
}

/// What the probe says of slow reads. Where the host is so busy that a repeated
/// read takes much less or more than the first it may not know, and is asked
/// again; it must never call them contention.
fn diagnosis(guest: &mut Guest) -> Value {
    for _ in 0..ASKED {
        let report = guest.probe("--samples 5 --max-time 240s");
        match report["diagnosis"]["nature"].as_str() {
            Some("Walk") => return report,
            Some("Undetermined") => println!("undetermined: {}", report["sentence"]),
            _ => panic!("{report}"),
        }
    }
    panic!("undetermined {ASKED} times");
}
