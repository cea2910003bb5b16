//! A misfortune for each incident, all of them survivable.

use std::time::{Duration, Instant};

use unstall_integration::vm_fleet::{Bed, signal_leader, without_api_server};

pub struct Fault {
    pub name: &'static str,
    ends: Ends,
    pub strike: fn(&Bed, &str),
}

/// What it ends or stops.
#[derive(Clone, Copy)]
enum Ends {
    Nothing,
    Leader,
    OnNode,
}

const OUTAGE: Duration = Duration::from_secs(20);
/// Within so long somebody leads, and a container that ended runs again.
const SOON: Duration = Duration::from_mins(2);
const PIDS_OF: &str =
    "for pid in $(pidof node-probe); do tr '\\0' ' ' </proc/$pid/cmdline | grep -q";

const NONE: Fault = Fault {
    name: "no misfortune",
    ends: Ends::Nothing,
    strike: |_, _| {},
};

/// The misfortune of this incident. Leaders, and what runs on a node, are spared where they are
/// to live, so that it is seen whether they grow.
pub fn of(index: usize, leaders_live: bool, node_lasts: bool) -> &'static Fault {
    let fault = &FAULTS[index % FAULTS.len()];
    let is_spared = match fault.ends {
        Ends::Nothing => false,
        Ends::Leader => leaders_live,
        Ends::OnNode => node_lasts,
    };
    if is_spared { &NONE } else { fault }
}

const FAULTS: [Fault; 9] = [
    NONE,
    Fault {
        name: "the leader is killed",
        ends: Ends::Leader,
        strike: |bed, _| leader(bed, "KILL"),
    },
    Fault {
        name: "the probe is killed",
        ends: Ends::OnNode,
        strike: |bed, name| kill(bed, name, "node-probe probe"),
    },
    Fault {
        name: "no API server for 20 s",
        // Who leads has lost its lease by then, and begins anew.
        ends: Ends::Leader,
        strike: |bed, _| {
            let answers = without_api_server(bed.fleet(), OUTAGE).unwrap();
            assert_eq!(answers, 0, "it was there in between");
        },
    },
    Fault {
        name: "the actuator is killed",
        ends: Ends::OnNode,
        strike: |bed, name| kill(bed, name, "node-probe actuate"),
    },
    Fault {
        name: "probe and actuator are killed",
        ends: Ends::OnNode,
        strike: |bed, name| kill(bed, name, "node-probe"),
    },
    Fault {
        name: "the leader stands still for 20 s",
        ends: Ends::Leader,
        strike: |bed, _| {
            leader(bed, "STOP");
            std::thread::sleep(OUTAGE);
            for node in bed.fleet().nodes() {
                // Where none stands still there is nothing to do.
                let _ = node.run("kill -CONT $(pidof unstall-controller)");
            }
        },
    },
    Fault {
        name: "the node is cut off for 20 s",
        ends: Ends::Nothing,
        strike: |bed, name| {
            bed.node(name).cut_off().unwrap();
            std::thread::sleep(OUTAGE);
            bed.node(name).reconnect().unwrap();
        },
    },
    Fault {
        name: "the machine stands still for 20 s",
        ends: Ends::Nothing,
        strike: |bed, name| {
            bed.node(name).freeze().unwrap();
            std::thread::sleep(OUTAGE);
            bed.node(name).thaw().unwrap();
        },
    },
];

fn leader(bed: &Bed, signal: &str) {
    // Between two leaders there is none.
    until_struck("the leader", || {
        let struck = signal_leader(bed.fleet(), signal);
        println!("leader: {struck:?}");
        struck.is_ok()
    });
}

fn kill(bed: &Bed, name: &str, what: &str) {
    let script = format!("{PIDS_OF} '{what}' && kill -9 $pid && echo killed; done; true");
    // Between two lives of a container there is none.
    until_struck(what, || {
        let killed = bed.node(name).check(&script).unwrap();
        killed.contains("killed")
    });
}

/// A misfortune that happens to nobody is none.
fn until_struck(whom: &str, mut struck: impl FnMut() -> bool) {
    let until = Instant::now() + SOON;
    while !struck() {
        assert!(Instant::now() < until, "{whom} could not be struck");
        std::thread::sleep(Duration::from_secs(2));
    }
}
