//! What lies between a leader and the API server is at fault.

use std::time::{Duration, Instant};

use crate::bed::bed;
use crate::replica::{Replica, TERMS, wait};
use unstall_integration::forward::{Fault, Kind};

#[test]
fn a_leader_that_is_cut_off_stops_before_another_one_begins() {
    let Some(bed) = bed() else { return };
    for (name, fault) in [("silence", Fault::Silence), ("reset", Fault::Reset)] {
        let lease = format!("cut-off-{name}");
        let first = Replica::start(bed, &lease, "first");
        let held = first.until_it_leads();
        let second = Replica::start(bed, &lease, "second");
        second.until_it_stands_by();
        first.forward.fail(Kind::Write, fault);
        first.forward.fail(Kind::Read, fault);
        let cut = Instant::now();
        let why = first.until_it_lost();
        let stopped = cut.elapsed();
        assert!(!held.may_act());
        assert!(!second.may_act(), "{name}: nobody leads meanwhile");
        assert!(why.contains("not renewed in time"), "{why}");
        assert!(
            stopped < TERMS.renew_deadline + Duration::from_secs(1),
            "{stopped:?}"
        );
        let next = second.until_it_leads();
        println!(
            "{name}: stopped after {stopped:?}, followed after {:?}",
            cut.elapsed()
        );
        assert!(next.epoch > held.epoch);
    }
}

#[test]
fn a_lost_answer_to_a_renewal_ends_no_leadership() {
    let Some(bed) = bed() else { return };
    let replica = Replica::start(bed, "lost-answer", "only");
    let held = replica.until_it_leads();
    let writes = || {
        replica
            .forward
            .seen()
            .iter()
            .filter(|it| it.kind == Kind::Write)
            .count()
    };
    for fault in [Fault::LostAnswer, Fault::Answer(409), Fault::Answer(503)] {
        let before = writes();
        replica.forward.fail(Kind::Write, fault);
        wait("a renewal at fault", || (writes() > before).then_some(()));
        replica.forward.heal();
        std::thread::sleep(TERMS.duration);
        assert!(held.may_act(), "{fault:?}");
    }
}

#[test]
fn a_leader_whose_renewals_are_never_answered_stops_although_they_are_taken() {
    let Some(bed) = bed() else { return };
    let first = Replica::start(bed, "unheard", "first");
    let held = first.until_it_leads();
    let second = Replica::start(bed, "unheard", "second");
    second.until_it_stands_by();
    first.forward.fail(Kind::Write, Fault::LostAnswer);
    let why = first.until_it_lost();
    assert!(why.contains("not renewed in time"), "{why}");
    let lost = Instant::now();
    assert!(!second.may_act());
    let next = second.until_it_leads();
    let waited = lost.elapsed();
    println!("followed {waited:?} after the end of one whose renewals were taken");
    assert!(next.epoch > held.epoch);
}

#[test]
fn an_election_whose_answer_was_lost_is_found_out() {
    let Some(bed) = bed() else { return };
    let lease = "election";
    let get = [
        "get",
        "lease",
        lease,
        "-o",
        "jsonpath={.spec.holderIdentity}",
    ];
    let replica = Replica::start(bed, lease, "only");
    // Whatever it wrote until here, from here on it hears nothing of its writes.
    replica.forward.fail(Kind::Write, Fault::LostAnswer);
    wait("the lease to be written", || {
        let output = bed.kubectl.try_run(&get).unwrap();
        String::from_utf8_lossy(&output.stdout)
            .starts_with("only_")
            .then_some(())
    });
    replica.forward.heal();
    let held = replica.until_it_leads();
    std::thread::sleep(TERMS.duration);
    assert!(held.may_act());
}

#[test]
fn whoever_takes_the_lease_away_ends_the_leadership() {
    let Some(bed) = bed() else { return };
    let delete: &[&str] = &["delete", "lease"];
    let patch = |holder: &str| {
        let patch = format!("{{\"spec\": {{\"holderIdentity\": \"{holder}\"}}}}");
        vec![
            "patch".to_owned(),
            "lease".to_owned(),
            "--type=merge".to_owned(),
            "-p".to_owned(),
            patch,
        ]
    };
    let cases = [
        (
            "deleted",
            delete.iter().map(|it| (*it).to_owned()).collect(),
            "taken away",
        ),
        ("emptied", patch(""), "taken away"),
        ("given-away", patch("somebody"), "somebody holds the lease"),
    ];
    for (lease, mut args, expected) in cases {
        let replica = Replica::start(bed, lease, "only");
        replica.until_it_leads();
        args.insert(2, lease.to_owned());
        bed.kubectl.run(&args).unwrap();
        let why = replica.until_it_lost();
        assert!(why.contains(expected), "{lease}: {why}");
    }
}
