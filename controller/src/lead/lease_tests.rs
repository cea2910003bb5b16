//! What a lease is judged by, case by case.

use std::time::Duration;

use jiff::Timestamp;

use super::lease::{Candidate, Decision, LONGEST, Record, Terms, released, renewal};

const TERMS: Terms = Terms {
    duration: Duration::from_secs(15),
    renew_deadline: Duration::from_secs(10),
    retry: Duration::from_secs(2),
};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn wall(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn noon() -> Timestamp {
    wall("2026-03-02T12:00:00Z")
}

/// The lease of `b`, renewed for the `n`th time.
fn of_b(n: i64) -> Record {
    Record {
        holder: "b".to_owned(),
        duration: Some(TERMS.duration),
        acquired: Some(noon()),
        renewed: Some(Timestamp::from_second(n).unwrap()),
        transitions: 4,
    }
}

fn a() -> Candidate {
    Candidate::new("a".to_owned(), TERMS)
}

fn written(decision: Decision) -> Record {
    match decision {
        Decision::Write(record) => record,
        Decision::Wait { holder } => panic!("waits for {holder}"),
    }
}

fn assert_waits(decision: Decision) {
    let holder = "b".to_owned();
    assert_eq!(decision, Decision::Wait { holder });
}

#[test]
fn a_lease_that_nobody_has_is_taken() {
    let first = written(a().decide(None, secs(0), noon()));
    assert_eq!((first.holder.as_str(), first.transitions), ("a", 0));
    assert_eq!(first.duration, Some(TERMS.duration));
    let mut free = of_b(1);
    free.holder = String::new();
    let next = written(a().decide(Some(&free), secs(0), noon()));
    assert_eq!((next.holder.as_str(), next.transitions), ("a", 5));
    assert_eq!((next.acquired, next.renewed), (Some(noon()), Some(noon())));
}

#[test]
fn a_held_lease_is_taken_after_it_stayed_as_it_is_for_its_duration() {
    let mut a = a();
    assert_waits(a.decide(Some(&of_b(1)), secs(100), noon()));
    assert_waits(a.decide(Some(&of_b(1)), secs(114), noon()));
    let taken = written(a.decide(Some(&of_b(1)), secs(115), noon()));
    assert_eq!((taken.holder.as_str(), taken.transitions), ("a", 5));
}

#[test]
fn a_renewal_begins_the_wait_anew() {
    let mut a = a();
    assert_waits(a.decide(Some(&of_b(1)), secs(100), noon()));
    assert_waits(a.decide(Some(&of_b(2)), secs(114), noon()));
    assert_waits(a.decide(Some(&of_b(2)), secs(128), noon()));
    written(a.decide(Some(&of_b(2)), secs(129), noon()));
}

#[test]
fn another_holder_begins_the_wait_anew() {
    let mut a = a();
    assert_waits(a.decide(Some(&of_b(1)), secs(100), noon()));
    let mut of_c = of_b(1);
    of_c.holder = "c".to_owned();
    let holder = "c".to_owned();
    assert_eq!(
        a.decide(Some(&of_c), secs(120), noon()),
        Decision::Wait { holder }
    );
}

#[test]
fn a_lease_made_anew_begins_the_wait_anew() {
    let mut a = a();
    assert_waits(a.decide(Some(&of_b(1)), secs(100), noon()));
    // Deleted; somebody else was faster; by chance it says the same as before.
    written(a.decide(None, secs(110), noon()));
    assert_waits(a.decide(Some(&of_b(1)), secs(116), noon()));
}

#[test]
fn no_wall_clock_decides() {
    for renewed in ["1970-01-01T00:00:00Z", "9999-12-30T00:00:00Z"] {
        for ours in ["1970-01-01T00:00:00Z", "9999-12-30T00:00:00Z"] {
            let mut lease = of_b(1);
            lease.renewed = Some(wall(renewed));
            lease.acquired = lease.renewed;
            let mut a = a();
            assert_waits(a.decide(Some(&lease), secs(5), wall(ours)));
            assert_waits(a.decide(Some(&lease), secs(19), wall(ours)));
            written(a.decide(Some(&lease), secs(20), wall(ours)));
        }
    }
}

#[test]
fn a_candidate_that_slept_judges_what_it_reads_then() {
    // Frozen for an hour between two looks: what was renewed meanwhile is held.
    let mut a = a();
    assert_waits(a.decide(Some(&of_b(1)), secs(0), noon()));
    assert_waits(a.decide(Some(&of_b(9)), secs(3600), noon()));
    // What was not renewed in an hour has run out.
    let mut a = self::a();
    assert_waits(a.decide(Some(&of_b(1)), secs(0), noon()));
    written(a.decide(Some(&of_b(1)), secs(3600), noon()));
}

#[test]
fn a_clock_that_goes_back_waits_longer() {
    let mut a = a();
    assert_waits(a.decide(Some(&of_b(1)), secs(1000), noon()));
    assert_waits(a.decide(Some(&of_b(1)), secs(1), noon()));
    written(a.decide(Some(&of_b(1)), secs(1015), noon()));
}

#[test]
fn the_longer_of_two_durations_holds() {
    let cases = [
        (Some(secs(60)), 60),
        (Some(secs(1)), 15),
        (Some(secs(0)), 15),
        (None, 15),
        // What no holder of ours writes blocks nobody for ever.
        (Some(secs(86_400)), LONGEST.as_secs()),
    ];
    for (says, lasts) in cases {
        let mut lease = of_b(1);
        lease.duration = says;
        let mut a = a();
        assert_waits(a.decide(Some(&lease), secs(0), noon()));
        assert_waits(a.decide(Some(&lease), secs(lasts) - secs(1), noon()));
        written(a.decide(Some(&lease), secs(lasts), noon()));
    }
}

#[test]
fn a_write_whose_answer_was_lost_is_found_and_renewed() {
    let mut a = a();
    let first = written(a.decide(None, secs(0), noon()));
    let again = written(a.decide(Some(&first), secs(2), noon()));
    assert_eq!(again.transitions, first.transitions);
    assert_eq!(again.acquired, first.acquired);
    assert_ne!(again, first, "others must see that it was renewed");
}

#[test]
fn each_renewal_differs_whatever_the_wall_clock_does() {
    let mut lease = of_b(1);
    for at in ["2026-03-02T12:00:00Z"; 3]
        .into_iter()
        .chain(["1970-01-01T00:00:00Z"])
    {
        let next = renewal("b", TERMS, Some(&lease), wall(at)).unwrap();
        assert!(next.renewed > lease.renewed, "{next:?}");
        assert_eq!(next.acquired, lease.acquired);
        lease = next;
    }
    // After the last time that there is, any other one will do.
    lease.renewed = Some(Timestamp::MAX);
    let next = renewal("b", TERMS, Some(&lease), noon()).unwrap();
    assert_eq!(next.renewed, Some(noon()));
}

#[test]
fn whoever_finds_another_holder_does_not_lead() {
    assert_eq!(renewal("a", TERMS, Some(&of_b(1)), noon()), None);
    assert_eq!(renewal("a", TERMS, None, noon()), None);
    let mut free = of_b(1);
    free.holder = String::new();
    assert_eq!(renewal("a", TERMS, Some(&free), noon()), None);
    assert_eq!(renewal("b", TERMS, Some(&free), noon()), None);
}

#[test]
fn a_lease_that_was_given_up_is_taken_at_once() {
    let free = released("b", Some(&of_b(1))).unwrap();
    assert_eq!((free.holder.as_str(), free.transitions), ("", 4));
    let taken = written(a().decide(Some(&free), secs(0), noon()));
    assert_eq!((taken.holder.as_str(), taken.transitions), ("a", 5));
    assert_eq!(released("a", Some(&of_b(1))), None);
    assert_eq!(released("a", None), None);
}

#[test]
fn absurd_counts_do_not_overflow() {
    let mut lease = of_b(1);
    lease.holder = String::new();
    lease.transitions = i32::MAX;
    let taken = written(a().decide(Some(&lease), Duration::MAX, Timestamp::MAX));
    assert_eq!(taken.transitions, i32::MAX);
}
