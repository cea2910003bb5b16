//! A timed `memory.stat` and the reading thread's own `schedstat`: of the
//! first, whether it is one; of the second, whether waits can be told.

use std::cell::RefCell;
use std::time::Duration;

use node_probe::sample::{KeptFile, Stopwatch};

use super::rig::{Rig, agree, files};
use super::slow::{lines, number, words};

const FILE: &str = "sys/fs/cgroup/memory/memory.stat";
const SCHEDSTAT: &str = "proc/thread-self/schedstat";

thread_local! {
    static RIG: RefCell<Rig> = RefCell::new(Rig::new());
}

fn is_memory_stat(bytes: &[u8]) -> Option<()> {
    let lines = lines(bytes)?;
    let words = words(lines.first()?);
    let is_name = words.first()?.starts_with(char::is_alphabetic);
    (is_name && words.len() == 2).then_some(())?;
    number(words.get(1)).map(drop)
}

/// Time run, time waited, and how often: all zero where none of it is kept.
pub fn waited(bytes: &[u8]) -> Option<u64> {
    let lines = lines(bytes)?;
    let words = words(lines.first()?);
    let (ran, waited) = (number(words.first())?, number(words.get(1))?);
    let times = number(words.get(2))?;
    (ran != 0 || waited != 0 || times != 0).then_some(waited)
}

/// Feeds `bytes` to the readers.
pub fn check(bytes: &[u8]) {
    let [stat, schedstat] = files(bytes);
    RIG.with_borrow_mut(|rig| {
        rig.write(FILE, stat);
        rig.write(SCHEDSTAT, schedstat);
        let stopwatch = Stopwatch::of_this_thread(&rig.roots.proc);
        let file = KeptFile::open(rig.path(FILE)).unwrap();
        let timing = stopwatch.time(&file, &mut rig.buffer);
        if let Ok(timing) = &timing {
            let delay = waited(schedstat).map(|_| Duration::ZERO);
            assert_eq!(timing.run_delay, delay, "own wait for a CPU");
            assert_eq!(timing.kernel_latency().is_some(), delay.is_some());
        }
        agree(FILE, timing.map(drop), is_memory_stat(stat));
    });
}
