//! Read times agree with an independent timing.

use std::time::Duration;

use unstall_integration::incident::pulse;

use crate::bracket::{Bracket, build};
use crate::turn::ready;
use crate::{incident, observer};

/// Reads by each side.
const READS: usize = 101;
/// Below it a difference of microseconds is a difference of percents.
const LEAST: Duration = Duration::from_millis(5);

fn median(mut reads: Vec<Duration>) -> Duration {
    reads.sort_unstable();
    reads[reads.len() / 2]
}

/// Reads by the probe and by the C program in turn, each after its own pulse: a read uses up what
/// the next one would have had to flush.
fn medians(zombies: u32, program: &std::path::Path) -> (Duration, Duration) {
    let incident = incident(zombies);
    let mut observer = observer();
    let root = observer.host().memory.as_ref().unwrap().stat();
    let mut bracket = Bracket::start(program, &root);
    let file = &incident.made().file;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..READS {
        pulse::once(file).unwrap();
        ours.push(observer.observe().root.unwrap().on_cpu);
        pulse::once(file).unwrap();
        theirs.push(bracket.read());
    }
    (median(ours), median(theirs))
}

#[test]
fn read_times_agree_with_a_bracket_in_c() {
    let Some(_turn) = ready() else { return };
    let dir = tempfile::tempdir().unwrap();
    let Some(program) = build(dir.path(), "bracket") else {
        return;
    };
    for zombies in [10_000, 25_000] {
        let (ours, theirs) = medians(zombies, &program);
        println!("{zombies} zombies: {ours:?} by the probe, {theirs:?} in C, medians of {READS}");
        assert!(ours >= LEAST && theirs >= LEAST, "too fast to compare");
        let (least, most) = (ours.min(theirs), ours.max(theirs));
        assert!(most * 100 <= least * 110, "more than 10 % apart");
    }
}
