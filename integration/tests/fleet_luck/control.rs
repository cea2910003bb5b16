//! The control plane and the controller fail in the middle of it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use unstall_integration::product::text;
use unstall_integration::vm_fleet::{node, remediation, signal_leader, without_api_server};

use crate::luck::{Luck, SICK};

const OUTAGE: Duration = Duration::from_secs(120);

/// Killed as often as it is started again.
pub fn loses_its_api_server_amid_a_drain(luck: &Luck<'_>) {
    let incident = luck.strike_held_up();
    let boots = luck.sick().boots().len();
    // From here on the drain would go on.
    luck.let_go();
    let answers = without_api_server(luck.bed.fleet(), OUTAGE).unwrap();
    assert_eq!(answers, 0, "it was there in between");
    assert_eq!(
        luck.sick().boots().len(),
        boots,
        "nothing new without an API server"
    );
    luck.ends_as(&incident, "Fixed");
    luck.mend();
    assert_eq!(luck.sick().boots().len(), boots + 1, "rebooted once");
}

const PHASES: [&str; 6] = [
    "Cordoning",
    "Draining",
    "Rebooting",
    "Proving",
    "Soaking",
    "Uncordoning",
];

/// How many incidents it may take until a leader was killed in each of them: some are over
/// in a second.
const INCIDENTS: usize = 4;

/// While it stands the sick node can neither be cordoned nor uncordoned, which would be done
/// before anybody could be killed.
const NO_CORDON: &str = include_str!("no-cordon.yaml");

/// Whoever leads is killed as soon as a phase is seen.
pub fn loses_its_leader_in_each_phase(luck: &Luck<'_>) {
    let mut killed = BTreeSet::new();
    forbid_to_cordon(luck);
    for _ in 0..INCIDENTS {
        let boots = luck.sick().boots().len();
        let incident = luck.strike();
        kill_leaders(luck, &incident, &mut killed);
        println!("leaders killed in {killed:?}");
        luck.ends_as(&incident, "Fixed");
        luck.mend();
        assert_eq!(luck.sick().boots().len(), boots + 1, "rebooted once");
        if PHASES.iter().all(|phase| killed.contains(*phase)) {
            return;
        }
    }
    panic!("of {PHASES:?} leaders were killed in {killed:?} only");
}

fn forbid_to_cordon(luck: &Luck<'_>) {
    luck.bed.apply(NO_CORDON);
    let kubectl = luck.bed.fleet().kubectl();
    let objects = luck.bed.now();
    let is_cordoned = node(&objects, SICK).unwrap()["spec"]["unschedulable"] == true;
    let other = format!(r#"{{"spec":{{"unschedulable":{}}}}}"#, !is_cordoned);
    // (`kubectl cordon` that was refused ends with exit code 0.)
    let tried = ["patch", "node", SICK, "-p", &other, "--dry-run=server"];
    // API servers take a while to see it.
    let until = Instant::now() + Duration::from_secs(60);
    while kubectl.run(&tried).is_ok() {
        assert!(Instant::now() < until, "the node may be cordoned still");
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn allow_to_cordon(luck: &Luck<'_>) {
    for kind in ["binding", ""] {
        let kind = format!("validatingadmissionpolicy{kind}");
        luck.bed
            .kubectl(&["delete", &kind, "no-cordon", "--ignore-not-found"]);
    }
}

/// Until the incident has ended.
fn kill_leaders(luck: &Luck<'_>, incident: &str, killed: &mut BTreeSet<String>) {
    let phase_now = || {
        let objects = luck.bed.now();
        let found =
            remediation(&objects, SICK).filter(|it| text(it, "/metadata/name") == Some(incident));
        let it = found.unwrap_or_else(|| panic!("{incident} is gone"));
        text(it, "/status/phase").unwrap_or("Pending").to_owned()
    };
    let until = Instant::now() + Duration::from_secs(1_200);
    loop {
        let phase = phase_now();
        if phase == "Ended" {
            return;
        }
        if !killed.contains(&phase) {
            // A node that reboots takes its leader with it, and between two there is none.
            match signal_leader(luck.bed.fleet(), "KILL") {
                Ok(who) if phase_now() == phase => {
                    println!("{phase}: killed {who:?}");
                    match phase.as_str() {
                        "Cordoning" | "Uncordoning" => allow_to_cordon(luck),
                        "Soaking" => forbid_to_cordon(luck),
                        _ => {}
                    }
                    killed.insert(phase);
                }
                Ok(who) => println!("after {phase}: killed {who:?}"),
                Err(error) => println!("{phase}: nobody to kill: {error:#}"),
            }
        }
        assert!(Instant::now() < until, "{incident} does not end");
        std::thread::sleep(Duration::from_millis(100));
    }
}
