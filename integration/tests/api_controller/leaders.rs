//! Two replicas, and the leader killed, frozen, cut off or told to end in the middle of
//! each phase: the work ends, nothing is done twice, no budget is exceeded.

use std::time::Duration;

use crate::bed::{Bed, guarded, policy};
use crate::pair::{Fault, Pair};
use crate::rebooted::nothing_of_ours;

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
    let mut pair = Pair::start(&bed);
    bed.apply(&policy("drop, reboot"));
    bed.apply(&guarded(20));
    pair.until("the workload to run", || {
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
        let struck = pair.until_phase(&incident, &PHASES[at..]);
        pair.strike(fault);
        println!(
            "{fault:?} in {phase}: struck in {}",
            struck["status"]["phase"]
        );
        let ended = pair.until(&format!("{incident} to end"), || {
            within_budget(&bed);
            bed.in_phase(&incident, &["Ended"])
        });
        assert_eq!(
            ended["status"]["outcome"],
            "Fixed",
            "{fault:?} in {phase}: {ended:#}\n{}",
            bed.logs()
        );
        pair.until("the node to be clean", || {
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

/// Never is more than one node away.
fn within_budget(bed: &Bed) {
    let nodes = bed.list("nodes");
    let away = nodes
        .iter()
        .filter(|it| it["spec"]["unschedulable"] == true);
    let away: Vec<_> = away.map(|it| it["metadata"]["name"].clone()).collect();
    assert!(away.len() <= 1, "{away:?}");
}
