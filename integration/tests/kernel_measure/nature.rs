//! What kind of stall it is, and who makes it, on this kernel.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use node_probe::judge::{Judge, KernelClass, Level, Nature};
use node_probe::sample::monotonic;

use crate::bracket::build;
use crate::turn::ready;
use crate::{incident, observer};

const PULSE: Duration = Duration::from_millis(200);
/// The reader's spacing: longer than a pulse's, so that the probe's own reads find flushes too.
const READER_MS: &str = "401";
const READER: &str = "stat-reader";
/// Processes are looked at every 5 s.
const WATCHED: Duration = Duration::from_secs(21);

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Ours, and nothing is left of it but its entry.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn pulsed_reads_are_contention_and_their_reader_is_named() {
    let Some(_turn) = ready() else { return };
    let dir = tempfile::tempdir().unwrap();
    let Some(program) = build(dir.path(), READER) else {
        return;
    };
    let mut observer = observer();
    let release = observer.host().kernel_release.clone().unwrap();
    let root = observer.host().memory.as_ref().unwrap().stat();
    let mut incident = incident(20_000);
    incident.start_pulses(PULSE).unwrap();
    let reader = Command::new(&program).arg(root).arg(READER_MS).spawn();
    let _reader = Killed(reader.unwrap());
    let mut judge = Judge::default();
    let end = Instant::now() + WATCHED;
    while Instant::now() < end {
        judge.observe(&observer.observe());
        std::thread::sleep(PULSE * 2);
    }
    let verdict = judge.verdict_over(40, monotonic());
    println!("{}", verdict.sentence);
    for user in &verdict.evidence.users {
        println!("{user}");
    }
    assert!(verdict.level >= Level::Watch, "{verdict:?}");
    if KernelClass::of(&release) == Some(KernelClass::WalksEveryCgroup) {
        return;
    }
    assert_eq!(verdict.evidence.nature(), Nature::Contention, "{verdict:?}");
    let users = &verdict.evidence.users;
    assert!(users.iter().any(|user| user.name == READER), "{users:?}");
}
