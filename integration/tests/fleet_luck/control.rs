//! The control plane and the controller fail in the middle of it.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use unstall_integration::cluster::State;
use unstall_integration::product::{NAMESPACE, text};
use unstall_integration::vm_fleet::remediation;

use crate::luck::{Luck, SICK};

const OUTAGE: Duration = Duration::from_secs(120);

/// Killed as often as it is started again.
pub fn loses_its_api_server_amid_a_drain(luck: &Luck<'_>) {
    let incident = luck.strike_held_up();
    let boots = luck.sick().boots().len();
    let until = Instant::now() + OUTAGE;
    while Instant::now() < until {
        if let Some(pid) = api_server(luck) {
            // It may be gone in this moment.
            let _ = kill(pid, Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(
        luck.sick().boots().len(),
        boots,
        "nothing new without an API server"
    );
    luck.let_go();
    luck.ends_as(&incident, "Fixed");
    luck.mend();
    assert_eq!(luck.sick().boots().len(), boots + 1, "rebooted once");
}

fn api_server(luck: &Luck<'_>) -> Option<Pid> {
    let state = State::read(&luck.bed.fleet().cluster().layout().state())?;
    let server = state
        .components
        .iter()
        .find(|it| it.name == "kube-apiserver")?;
    Some(Pid::from_raw(i32::try_from(server.pid).ok()?))
}

const PHASES: [&str; 6] = [
    "Cordoning",
    "Draining",
    "Rebooting",
    "Proving",
    "Soaking",
    "Uncordoning",
];

/// Whoever leads is killed as soon as a phase is seen.
pub fn loses_its_leader_in_each_phase(luck: &Luck<'_>) {
    let boots = luck.sick().boots().len();
    let incident = luck.strike();
    let mut killed = Vec::new();
    let until = Instant::now() + Duration::from_secs(1_200);
    loop {
        let objects = luck.bed.now();
        let Some(it) =
            remediation(&objects, SICK).filter(|it| text(it, "/metadata/name") == Some(&incident))
        else {
            panic!("{incident} is gone");
        };
        let phase = text(it, "/status/phase").unwrap_or("Pending").to_owned();
        if phase == "Ended" {
            break;
        }
        if !killed.contains(&phase) {
            kill_leader(luck);
            killed.push(phase);
        }
        assert!(Instant::now() < until, "{it:#}");
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("leaders killed in {killed:?}");
    let ended = luck.ends_as(&incident, "Fixed");
    assert!(
        PHASES
            .iter()
            .filter(|phase| killed.iter().any(|it| it == *phase))
            .count()
            >= 4,
        "{killed:?}: {ended:#}"
    );
    luck.mend();
    assert_eq!(luck.sick().boots().len(), boots + 1, "rebooted once");
}

/// On the node that its pod runs on.
fn kill_leader(luck: &Luck<'_>) {
    let holder = luck
        .bed
        .kubectl(&["get", "lease", "-n", NAMESPACE, "-o", "json"]);
    let leases: Value = serde_json::from_str(&holder).unwrap();
    let name = leases["items"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|it| text(it, "/spec/holderIdentity"));
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return;
    };
    let pods = luck
        .bed
        .kubectl(&["get", "pods", "-n", NAMESPACE, "-o", "json"]);
    let pods: Value = serde_json::from_str(&pods).unwrap();
    let pod = pods["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| text(it, "/metadata/name").is_some_and(|pod| name.starts_with(pod)));
    let Some(node) = pod.and_then(|it| text(it, "/spec/nodeName")) else {
        return;
    };
    println!("leader {name} on {node} is killed");
    // A node that reboots takes its leader with it.
    let _ = luck.bed.node(node).run_within(
        "kill -9 $(pidof unstall-controller)",
        Duration::from_secs(10),
    );
}
