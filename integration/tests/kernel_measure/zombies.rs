//! Zombies are counted as they are made.

use crate::turn::ready;
use crate::{incident, observer};

/// Natural zombies come and go on any machine (2 to 60 were seen on an idle one).
const NOISE: u64 = 100;

#[test]
fn as_many_zombies_are_counted_as_were_made() {
    let Some(_turn) = ready() else { return };
    let mut observer = observer();
    let mut count = || observer.observe().zombies.unwrap();
    for made in [0, 1_000, 10_000, 50_000] {
        let before = count();
        // None are made of none: the count must stand still by itself.
        let incident = (made > 0).then(|| incident(made));
        let after = count();
        let (low, high) = (
            after.low.saturating_sub(before.high),
            after.high.saturating_sub(before.low),
        );
        println!("{made} made: {before:?} before, {after:?} after");
        let made = u64::from(made);
        assert!(
            low <= made + NOISE && high + NOISE >= made,
            "{made} were made, {low} to {high} counted"
        );
        drop(incident);
    }
}
