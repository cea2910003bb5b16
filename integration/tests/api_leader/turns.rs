//! One leads after the other, and never two.

use std::time::{Duration, Instant};

use crate::bed::bed;
use crate::replica::{Replica, TERMS, wait};

/// The epoch in the ledger.
fn stored_epoch(bed: &crate::bed::Bed) -> i64 {
    let args = [
        "get",
        "disruptionledger",
        "cluster",
        "-o",
        "jsonpath={.status.epoch}",
    ];
    bed.kubectl.run(&args).unwrap().parse().unwrap()
}

#[test]
fn a_standby_takes_over_after_the_lease_of_a_dead_leader_ran_out() {
    let Some(bed) = bed() else { return };
    let first = Replica::start(bed, "expiry", "first");
    let before = first.until_it_leads().epoch;
    let second = Replica::start(bed, "expiry", "second");
    assert!(second.until_it_stands_by().starts_with("first_"));
    assert!(!second.may_act());
    first.kill();
    let died = Instant::now();
    let after = second.until_it_leads().epoch;
    let waited = died.elapsed();
    println!("taken over {waited:?} after a death without a word");
    // Its last renewal was up to a pause and a call earlier.
    assert!(
        waited > TERMS.duration - Duration::from_secs(3),
        "{waited:?}"
    );
    assert!(after > before, "{after} {before}");
    assert!(stored_epoch(bed) >= after);
}

#[test]
fn a_standby_takes_over_at_once_from_a_leader_that_gives_up() {
    let Some(bed) = bed() else { return };
    let first = Replica::start(bed, "release", "first");
    let before = first.until_it_leads();
    let second = Replica::start(bed, "release", "second");
    second.until_it_stands_by();
    assert_eq!(first.release(), Ok(()));
    let released = Instant::now();
    assert!(!before.may_act());
    let why = before.check().unwrap_err().to_string();
    assert_eq!(why, "leadership lost: the lease was given up");
    let after = second.until_it_leads().epoch;
    let waited = released.elapsed();
    println!("taken over {waited:?} after a release");
    assert!(waited < TERMS.duration / 2, "{waited:?}");
    assert!(after > before.epoch, "{after} {}", before.epoch);
}

#[test]
fn of_many_that_come_and_go_never_two_lead() {
    let Some(bed) = bed() else { return };
    let mut replicas: Vec<Replica> = (0..4)
        .map(|i| Replica::start(bed, "many", &format!("r{i}")))
        .collect();
    let until = Instant::now() + Duration::from_secs(30);
    let (mut epochs, mut turns) = (Vec::new(), 0);
    while Instant::now() < until {
        let leading: Vec<usize> = (0..replicas.len())
            .filter(|i| replicas[*i].may_act())
            .collect();
        assert!(leading.len() <= 1, "{leading:?} lead");
        if let Some(index) = leading.first().copied() {
            let epoch = replicas[index].until_it_leads().epoch;
            if epochs.last() != Some(&epoch) {
                epochs.push(epoch);
                // In turns: gives up, dies, is frozen for longer than its lease.
                match turns % 3 {
                    0 => assert_eq!(replicas[index].release(), Ok(())),
                    1 => replicas[index].kill(),
                    _ => replicas[index].freeze(TERMS.duration * 3 / 2),
                }
                let name = format!("r{}", replicas.len());
                replicas.push(Replica::start(bed, "many", &name));
                turns += 1;
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    println!(
        "{turns} turns of {} replicas: epochs {epochs:?}",
        replicas.len()
    );
    assert!(epochs.len() >= 4, "{epochs:?}");
    assert!(epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");
}

#[test]
fn a_frozen_leader_knows_at_once_that_it_leads_no_more() {
    let Some(bed) = bed() else { return };
    let first = Replica::start(bed, "frozen", "first");
    let held = first.until_it_leads();
    let second = Replica::start(bed, "frozen", "second");
    second.until_it_stands_by();
    first.freeze(TERMS.duration * 2);
    let end = wait("the end of its leadership", || {
        (!held.may_act()).then(Instant::now)
    });
    let after = second.until_it_leads();
    let between = end.elapsed();
    println!("{between:?} lie between the end of a frozen leader and the next one's begin");
    assert!(!held.may_act());
    assert!(after.epoch > held.epoch);
    let why = first.until_it_lost();
    assert!(why.contains("not renewed in time"), "{why}");
    assert!(after.may_act(), "the one that woke up disturbs nobody");
}
