//! The control plane and the controller fail in the middle of it.

use std::time::{Duration, Instant};

use unstall_integration::product::text;
use unstall_integration::vm_fleet::{remediation, signal_leader, without_api_server};

use crate::luck::{Luck, SICK};

const OUTAGE: Duration = Duration::from_secs(120);

/// Killed as often as it is started again.
pub fn loses_its_api_server_amid_a_drain(luck: &Luck<'_>) {
    let incident = luck.strike_held_up();
    let boots = luck.sick().boots().len();
    without_api_server(luck.bed.fleet(), OUTAGE).unwrap();
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
            // A node that reboots takes its leader with it, and between two there is none.
            match signal_leader(luck.bed.fleet(), "KILL") {
                Ok(who) => {
                    println!("{phase}: killed {who:?}");
                    killed.push(phase);
                }
                Err(error) => println!("{phase}: nobody to kill: {error:#}"),
            }
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
