//! Two replicas, and the leader killed, frozen, cut off or told to end in the middle of
//! each phase: the work ends, nothing is done twice, no budget is exceeded.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::bed::{Bed, guarded, policy};
use crate::rebooted::nothing_of_ours;
use crate::replica::{Replica, leader};

/// What happens to the leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9`.
    Killed,
    /// `SIGSTOP` for longer than its lease, then `SIGCONT`.
    Frozen,
    /// Nothing passes between it and the API server for longer than its lease;
    /// then what was on its way arrives.
    CutOff,
    /// `SIGTERM`: it ends the pass that is under way, and gives its lease up.
    Told,
}

/// In this order an incident goes through them.
const PHASES: [&str; 8] = [
    "DroppingCaches",
    "Verifying",
    "Cordoning",
    "Draining",
    "Rebooting",
    "Proving",
    "Soaking",
    "Uncordoning",
];
/// In these the first remedy is at work, and cures.
const IN_PLACE: usize = 2;

#[test]
fn a_leader_killed_in_any_phase_is_followed() {
    suffer("killed", Fault::Killed);
}

#[test]
fn a_leader_frozen_in_any_phase_is_followed_and_writes_no_more() {
    suffer("frozen", Fault::Frozen);
}

#[test]
fn a_leader_cut_off_in_any_phase_is_followed_and_writes_no_more() {
    suffer("cutoff", Fault::CutOff);
}

#[test]
fn a_leader_that_is_told_to_end_in_any_phase_hands_its_work_over() {
    suffer("told", Fault::Told);
}

fn suffer(name: &str, fault: Fault) {
    let Some(bed) = Bed::start(name, PHASES.len() + 2) else {
        return;
    };
    let mut replicas = vec![Replica::start(&bed, "a"), Replica::start(&bed, "b")];
    bed.apply(&policy("drop, reboot"));
    bed.apply(&guarded(20));
    bed.until("the workload to run", || {
        let deployment = bed.get("deployments", "web");
        (deployment["status"]["readyReplicas"] == 20).then_some(())
    });
    for (at, phase) in PHASES.into_iter().enumerate() {
        let node = format!("n{}", at + 1);
        let is_curable = at < IN_PLACE;
        bed.change(&node, |facts| {
            facts.fires = true;
            facts.is_curable = is_curable;
            facts.dropping = Duration::from_secs(1);
        });
        let incident = format!("{node}-1");
        let struck = bed.until_phase(&incident, &PHASES[at..]);
        let leads = bed.until("somebody to lead", || {
            revive(&bed, &mut replicas);
            leader(&bed, &replicas)
        });
        strike(&bed, &mut replicas, leads, fault);
        println!(
            "{fault:?} in {phase}: struck in {}",
            struck["status"]["phase"]
        );
        watch_budget(&bed, &incident);
        let ended = bed.until_phase(&incident, &["Ended"]);
        assert_eq!(
            ended["status"]["outcome"],
            "Fixed",
            "{fault:?} in {phase}: {ended:#}\n{}",
            bed.logs()
        );
        bed.until("the node to be clean", || {
            nothing_of_ours(&bed.get("nodes", &node)).then_some(())
        });
        let deeds = bed.fleet.deeds();
        let expected = (1, usize::from(!is_curable));
        assert_eq!(
            (deeds.drops(&node), deeds.reboots(&node)),
            expected,
            "{fault:?} in {phase}: {:?}",
            deeds.done()
        );
        assert_eq!(deeds.refused(), [""; 0], "{fault:?} in {phase}");
    }
    let left: Vec<_> = bed.fleet.deeds().done();
    assert!(left.iter().all(|deed| deed.left.is_empty()), "{left:?}");
}

/// The leader at `at` suffers `fault`; another leads, and a new replica stands by.
pub fn strike(bed: &Bed, replicas: &mut Vec<Replica>, at: usize, fault: Fault) {
    let mut victim = replicas.remove(at);
    match fault {
        Fault::Killed => victim.signal(Signal::SIGKILL),
        Fault::Frozen => victim.signal(Signal::SIGSTOP),
        Fault::CutOff => victim.wire.cut(),
        Fault::Told => victim.signal(Signal::SIGTERM),
    }
    bed.until("the other to lead", || {
        revive(bed, replicas);
        leader(bed, replicas)
    });
    if fault == Fault::Frozen {
        victim.signal(Signal::SIGCONT);
    }
    if fault != Fault::Killed {
        let deadline = Instant::now() + Duration::from_secs(60);
        let code = loop {
            if let Some(code) = victim.ended() {
                break code;
            }
            assert!(
                Instant::now() < deadline,
                "the old leader goes on\n{}",
                bed.logs()
            );
            std::thread::sleep(Duration::from_millis(50));
        };
        assert_eq!(code == Some(0), fault == Fault::Told, "exit code {code:?}");
    }
    victim.wire.mend();
    let name = format!("{}+", victim.name);
    drop(victim);
    replicas.push(Replica::start(bed, &name));
}

/// Starts again who ended, as a kubelet does: on a busy machine a lease this short is lost
/// without a fault.
fn revive(bed: &Bed, replicas: &mut [Replica]) {
    for replica in replicas {
        if let Some(code) = replica.ended() {
            println!("{} ended with {code:?}", replica.name);
            *replica = Replica::start(bed, &format!("{}+", replica.name));
        }
    }
}

/// Never more than one node is away while the incident goes on.
fn watch_budget(bed: &Bed, incident: &str) {
    loop {
        let nodes = bed.list("nodes");
        let away = nodes
            .iter()
            .filter(|it| it["spec"]["unschedulable"] == true);
        let away: Vec<_> = away.map(|it| it["metadata"]["name"].clone()).collect();
        assert!(away.len() <= 1, "{away:?}");
        let found = bed.get("noderemediations", incident);
        if found["status"]["phase"] == "Ended" {
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
