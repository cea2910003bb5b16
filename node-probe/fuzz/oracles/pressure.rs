//! Two looks at `/proc/pressure/memory` and `/proc/pressure/irq`.

use std::cell::RefCell;
use std::time::Duration;

use node_probe::sample::{Buffer, PressureWatch, Roots, SampleError, Share};
use node_probe::time::MonotonicTime;

use super::rig::{Rig, agree, files};
use super::slow::{lines, number, row};

type Open = fn(&Roots, &mut Buffer) -> Result<PressureWatch, SampleError>;

const WATCHES: [(&str, &str, Open); 2] = [
    ("proc/pressure/memory", "some", PressureWatch::memory),
    ("proc/pressure/irq", "full", PressureWatch::irq),
];

/// Between the looks, in microseconds.
const BETWEEN: u64 = 7_000_000;

thread_local! {
    static RIG: RefCell<Rig> = RefCell::new(Rig::new());
}

fn total(bytes: &[u8], name: &str) -> Option<u64> {
    let row = row(&lines(bytes)?, name)?;
    let mut totals = row
        .into_iter()
        .skip(1)
        .filter_map(|word| word.strip_prefix("total="));
    number(totals.next().as_ref())
}

/// Feeds `bytes` to the readers.
pub fn check(bytes: &[u8]) {
    let [first, second] = files(bytes);
    let at = |seconds| MonotonicTime::from_boot(Duration::from_secs(seconds));
    RIG.with_borrow_mut(|rig| {
        for (file, row, open) in WATCHES {
            rig.write(file, first);
            let earlier = total(first, row);
            let mut watch = match open(&rig.roots, &mut rig.buffer) {
                Ok(watch) => watch,
                Err(error) => {
                    agree(file, Err(error), earlier.map(drop));
                    continue;
                }
            };
            agree(
                file,
                watch.look(at(3), &mut rig.buffer),
                earlier.map(|_| None),
            );
            rig.write(file, second);
            let share = total(second, row).map(|now| {
                let part = now.checked_sub(earlier?)?;
                Some(Share {
                    part: part.min(BETWEEN),
                    whole: BETWEEN,
                })
            });
            agree(file, watch.look(at(10), &mut rig.buffer), share);
        }
    });
}
