//! A kernel rolled through three machines that really boot it, inside a window,
//! canary first; then a newer one that is worse, which halts at its canary.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

mod journal;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::Value;
use unstall_crds::units::Quantity;
use unstall_integration::product::{left_on, list, text};
use unstall_integration::testing::real;
use unstall_integration::vm::Kernel;
use unstall_integration::vm_fleet::{
    Availability, Bed, Pages, Workload, health, make_zombies, node, remediation, rollout_policy,
};

use journal::Journal;

const PROGRAMS: [&str; 2] = [
    env!("CARGO_BIN_EXE_cluster"),
    env!("CARGO_BIN_EXE_incident"),
];
const NODES: [&str; 3] = ["node-1", "node-2", "node-3"];
/// The window opens after the kernel is staged everywhere, and not before it was
/// seen to be waited for.
const OPENS_IN: SignedDuration = SignedDuration::from_secs(100);
const ZOMBIES: u32 = 3_000;
/// So long after the bake of a roll-out that did not halt its next node is at work.
const AFTER_BAKE: SignedDuration = SignedDuration::from_secs(60);
/// Looks at the workload are a second apart, and later where the machine has too much to do.
const GAP_MAX: Duration = Duration::from_secs(15);

const WORKLOAD: Workload = Workload {
    name: "workload",
    replicas: 3,
    node: None,
    min_available: 2,
};

#[test]
fn a_kernel_goes_through_the_fleet() {
    watched("rollout", Kernel::Linux6_1, Kernel::Linux6_12, rolled_out);
}

#[test]
fn a_worse_kernel_halts_at_its_canary() {
    watched("halt", Kernel::Linux6_12, Kernel::WalkAsNewer, halted);
}

/// Does `what` on three nodes that run `runs` and would boot `staged`, while a workload is
/// watched.
fn watched(name: &str, runs: Kernel, staged: Kernel, what: fn(&Bed)) {
    let nodes = NODES.map(|name| (name, runs));
    let Some(bed) = Bed::bare(name, PROGRAMS, &nodes) else {
        return;
    };
    // The probe looks at its start, and then at each report.
    for name in NODES {
        bed.node(name).stage(staged).unwrap();
    }
    bed.install();
    WORKLOAD.deploy(bed.fleet()).unwrap();
    let watch = Availability::watch(WORKLOAD, bed.fleet()).unwrap();
    what(&bed);
    let (least, looks) = watch.least().unwrap();
    let gap = watch.longest_gap();
    real(&format!(
        "{name} in virtual machines: at least {least} of 3 pods available in {looks} looks, one a second, {gap:.1?} apart at most"
    ));
    assert!(looks > 100 && gap < GAP_MAX, "{looks} looks, {gap:?} apart");
    assert!(
        least >= 2,
        "the budget's minAvailable is 2, and {least} were available"
    );
}

fn rolled_out(bed: &Bed) {
    let opens = minute_after(Timestamp::now() + OPENS_IN);
    bed.apply(&rollout_policy("6.12.0", "1m", &window(opens)));
    let mut reached = false;
    let mut journal = Journal::default();
    bed.until("the kernel on every node", |objects| {
        let now = Timestamp::now();
        journal_look(&mut journal, objects, now);
        let blocked = objects.iter().any(|it| is_blocked(it, "OutsideWindow"));
        reached |= blocked && now < opens;
        rollout(objects).is_some_and(|it| text(it, "/stage") == Some("Complete"))
    });
    println!("{journal}");
    assert!(reached, "nothing waited for the window");
    assert!(
        journal.first().unwrap() >= opens,
        "{journal}: the window opens at {opens}"
    );
    journal.assert_canary_then_one_at_a_time();
    for name in NODES {
        bed.until_given_back(name);
        let boots = bed.node(name).boots();
        assert!(
            boots.len() == 2 && boots[1].starts_with("6.12."),
            "{boots:?}"
        );
        let running = bed.node(name).check("uname -r").unwrap();
        let objects = bed.now();
        let object = node(&objects, name).unwrap();
        assert_eq!(
            text(object, "/status/nodeInfo/kernelVersion"),
            Some(&*running)
        );
        nothing_left(&objects, name);
        let incident = remediation(&objects, name).unwrap();
        assert_eq!(
            text(incident, "/status/outcome"),
            Some("Fixed"),
            "{incident:#}"
        );
        let proof = incident.pointer("/status/proof/boot").unwrap();
        assert_eq!(text(proof, "/kernelAfter"), Some(&*running), "{proof:#}");
        assert_eq!(
            text(proof, "/bootIDAfter"),
            text(object, "/status/nodeInfo/bootID")
        );
    }
    real(&format!(
        "6.1 to 6.12 over three virtual machines: {journal}"
    ));
}

fn halted(bed: &Bed) {
    bed.apply(&rollout_policy("6.13.0", "4m", "{}"));
    let canary = bed.until("a canary to bake", |objects| {
        rollout(objects).is_some_and(|it| text(it, "/stage") == Some("Baking"))
    });
    let baked: Timestamp = rollout(&canary)
        .and_then(|it| text(it, "/bakingUntil")?.parse().ok())
        .unwrap();
    let booted: Vec<_> = NODES
        .into_iter()
        .filter(|name| bed.node(name).boots().len() == 2)
        .collect();
    let [canary_name] = booted[..] else {
        panic!("{booted:?} booted the newer kernel: {canary:#?}");
    };
    make_zombies(bed.node(canary_name), ZOMBIES, Pages::OfMemory).unwrap();
    let objects = bed.until("the roll-out to halt", |objects| {
        rollout(objects).is_some_and(|it| text(it, "/stage") == Some("Halted"))
    });
    let halted = rollout(&objects).unwrap();
    let message = text(halted, "/message").unwrap();
    real(&format!(
        "a worse kernel in a virtual machine halts its roll-out: {message}"
    ));
    assert!(
        message.contains(canary_name) && message.contains("MemoryStatReadCPU"),
        "{message}"
    );
    let (now, before) = numbers(message);
    assert!(
        now > before,
        "{now:?} is not worse than {before:?}: {message}"
    );
    // Where nothing had halted it, the others would have had their turn by then.
    while Timestamp::now() < baked + AFTER_BAKE {
        let objects = bed.now();
        for name in NODES.into_iter().filter(|name| *name != canary_name) {
            untouched(bed, &objects, name);
        }
        std::thread::sleep(Duration::from_secs(2));
    }
    let objects = bed.now();
    let stage = rollout(&objects).and_then(|it| text(it, "/stage"));
    assert_eq!(stage, Some("Halted"), "until a human resumes it");
    for name in NODES.into_iter().filter(|name| *name != canary_name) {
        nothing_left(&objects, name);
    }
}

fn untouched(bed: &Bed, objects: &[Value], name: &str) {
    let object = node(objects, name).unwrap();
    let release = text(object, "/status/nodeInfo/kernelVersion").unwrap();
    assert!(release.starts_with("6.12."), "{name} runs {release}");
    assert_eq!(bed.node(name).boots().len(), 1, "{name} booted");
    assert_eq!(
        object.pointer("/spec/unschedulable"),
        None,
        "{name} is cordoned"
    );
    let phase = remediation(objects, name).and_then(|it| text(it, "/status/phase"));
    assert!(
        matches!(phase, None | Some("Pending")),
        "{name} is {phase:?}"
    );
}

/// What the halt says of the canary: its median now, and what it was.
fn numbers(message: &str) -> (Quantity, Quantity) {
    let after = |word: &str| {
        let (_, rest) = message
            .split_once(word)
            .unwrap_or_else(|| panic!("{message}"));
        let value: String = rest
            .chars()
            .take_while(|it| !" ),;".contains(*it))
            .collect();
        value
            .parse()
            .unwrap_or_else(|error| panic!("{value:?} of {message}: {error}"))
    };
    (after("MemoryStatReadCPU is "), after("(was "))
}

/// An hour that begins then.
fn window(opens: Timestamp) -> String {
    let time = |at: Timestamp| at.to_zoned(TimeZone::UTC).strftime("%H:%M").to_string();
    let ends = time(opens + SignedDuration::from_hours(1));
    format!(
        "{{allow: [{{timeZone: UTC, start: \"{}\", end: \"{ends}\"}}]}}",
        time(opens)
    )
}

fn minute_after(at: Timestamp) -> Timestamp {
    let second = at.as_second();
    Timestamp::from_second(second - second % 60 + 60).unwrap()
}

fn rollout(objects: &[Value]) -> Option<&Value> {
    let policy = objects
        .iter()
        .find(|it| text(it, "/kind") == Some("NodeHealthPolicy"))?;
    policy.pointer("/status/rollouts/0")
}

fn is_blocked(object: &Value, reason: &str) -> bool {
    let told = ["/status/blocked", "/status/blockers"];
    told.iter()
        .filter_map(|path| object.pointer(path)?.as_array())
        .flatten()
        .any(|it| text(it, "/reason") == Some(reason))
}

fn nothing_left(objects: &[Value], name: &str) {
    let object = node(objects, name).unwrap();
    assert_eq!(left_on(object), [""; 0], "{object:#}");
    let command = health(objects, name).and_then(|it| it.pointer("/spec/command"));
    assert_eq!(command, None, "an order is left for {name}");
    let ledger = objects
        .iter()
        .find(|it| text(it, "/kind") == Some("DisruptionLedger"));
    let slots = ledger.map_or(&[][..], |it| list(it, "/status/slots"));
    let mut held = slots.iter().filter_map(|it| text(it, "/node"));
    assert!(held.all(|it| it != name), "{slots:?}");
}

fn journal_look(journal: &mut Journal, objects: &[Value], now: Timestamp) {
    let baking = rollout(objects).and_then(|it| text(it, "/bakingUntil")?.parse().ok());
    for name in NODES {
        let Some(object) = node(objects, name) else {
            continue;
        };
        let is_cordoned = object.pointer("/spec/unschedulable") == Some(&Value::Bool(true));
        journal.see(name, is_cordoned, now, baking);
    }
}
