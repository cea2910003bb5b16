//! Worlds that taught something, by what they taught.

use super::run;

/// Seeds of worlds as they were drawn on the day; a change of how worlds are drawn makes
/// other worlds of them, which must hold as well. What each of them taught is kept by a
/// scenario or a test of its own, named here.
const SEEDS: [(u64, &str); 7] = [
    // `pod-comes-while-a-gate-is-waited-for`.
    (5244, "a pod that came to a drained node was left there"),
    // `own-replica-last`, step 5.
    (
        1159,
        "a replica on a node without power was taken for the other ready one",
    ),
    // `gates-are-opened`.
    (
        1097,
        "an incident that waited at a gate told a deadline that was past",
    ),
    // `observe::hand_over`, `observe::alerts`: the same is no news.
    (
        30_000,
        "looks at what others made woke the loop every 10 s for ever",
    ),
    // Laws and worlds that were wrong.
    (74, "where no controller runs none gives a reason"),
    (212, "a connection that hangs breaks at last"),
    (313, "a node that was made again never had a probe"),
];

#[test]
fn worlds_that_taught_something_hold() {
    for (seed, what) in SEEDS {
        let outcome = run(seed, None, false).unwrap();
        assert_eq!(outcome.broken, None, "seed {seed}: {what}");
    }
}

#[test]
fn one_seed_is_one_run() {
    let digest = |seed| run(seed, None, false).unwrap().digest;
    assert_eq!(digest(5), digest(5));
    assert_ne!(digest(5), digest(6));
}
