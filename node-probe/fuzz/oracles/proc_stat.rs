//! Two looks at `/proc/stat`: the share of steal, and the steal of one read.

use std::cell::RefCell;

use node_probe::sample::{InterferenceWatch, Share, StealWatch};

use super::rig::{Rig, agree, files};
use super::slow::{lines, number, row, words};

const FILE: &str = "proc/stat";

thread_local! {
    static RIG: RefCell<Rig> = RefCell::new(Rig::new());
}

/// Steal and the sum of the eight times; nothing if the sum cannot be told.
fn ticks(bytes: &[u8]) -> Option<(u64, u64)> {
    let lines = lines(bytes)?;
    let row = row(&lines, "cpu")?;
    let mut sum: u64 = 0;
    for index in 1..=8 {
        sum = sum.checked_add(number(row.get(index))?)?;
    }
    Some((number(row.get(8))?, sum))
}

/// The rise of steal in the rows of one CPU, or of all.
fn steals(first: &[u8], second: &[u8], name: &str) -> Option<u64> {
    let steal = |bytes| number(row(&lines(bytes)?, name)?.get(8));
    steal(second)?.checked_sub(steal(first)?)
}

/// Feeds `bytes` to the readers.
pub fn check(bytes: &[u8]) {
    let [first, second] = files(bytes);
    RIG.with_borrow_mut(|rig| {
        rig.write(FILE, first);
        let interference = InterferenceWatch::open(&rig.roots, None, &mut rig.buffer);
        let before = interference.look(&mut rig.buffer);
        let opened = StealWatch::open(&rig.roots, &mut rig.buffer);
        let mut watch = match opened {
            Ok(watch) => Some(watch),
            Err(error) => {
                agree(FILE, Err(error), ticks(first).map(drop));
                None
            }
        };
        if let Some(watch) = &mut watch {
            assert_eq!(watch.look(&mut rig.buffer), Ok(None), "the first look");
        }
        rig.write(FILE, second);
        if let (Some(watch), Some(earlier)) = (&mut watch, ticks(first)) {
            let expected = ticks(second).map(|now| share(earlier, now));
            agree(FILE, watch.look(&mut rig.buffer), expected);
        }
        let told = interference.since(&before, &mut rig.buffer);
        assert_eq!(told.throttled, None, "there is no cpu.stat");
        if let Some(steal) = told.steal {
            // Which CPU this thread was on is not known here; it may have moved.
            let rows = lines(first).unwrap_or_default().into_iter().map(words);
            let names = rows.filter_map(|words| words.first().copied());
            let tick = std::time::Duration::from_millis(10);
            let saturated = |ticks| tick.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX));
            let mut rises = names
                .filter(|name| name.starts_with("cpu"))
                .filter_map(|name| steals(first, second, name));
            assert!(
                rises.any(|rise| saturated(rise) == steal),
                "{steal:?} is no row's rise"
            );
        }
    });
}

fn share(earlier: (u64, u64), now: (u64, u64)) -> Option<Share> {
    let (part, whole) = (now.0.checked_sub(earlier.0)?, now.1.checked_sub(earlier.1)?);
    (whole > 0).then_some(Share {
        part: part.min(whole),
        whole,
    })
}
