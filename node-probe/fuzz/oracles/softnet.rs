//! Two looks at `/proc/net/softnet_stat`.

use std::cell::RefCell;
use std::time::Duration;

use node_probe::sample::{SoftnetRise, SoftnetWatch};
use node_probe::time::MonotonicTime;

use super::rig::{Rig, agree, files};
use super::slow::{hex, lines, words};

const FILE: &str = "proc/net/softnet_stat";
/// A counter of 32 bits that rose by more went backwards.
const RISE_MAX: u32 = i32::MAX as u32;

thread_local! {
    static RIG: RefCell<Rig> = RefCell::new(Rig::new());
}

/// CPU, dropped and squeezed of each row, and whether the rows name their CPUs.
type Table = (Vec<(u32, u32, u32)>, bool);

/// The CPUs come in order, and either all are named or none is.
fn table(bytes: &[u8]) -> Option<Table> {
    let lines = lines(bytes)?;
    let rows: Vec<Vec<&str>> = lines.iter().map(|line| words(line)).collect();
    let is_named = rows.first()?.len() > 12;
    let mut table = Vec::new();
    for (index, row) in (0..).zip(&rows) {
        if (row.len() > 12) != is_named {
            return None;
        }
        let cpu = if is_named { hex(row.get(12))? } else { index };
        table.push((cpu, hex(row.get(1))?, hex(row.get(2))?));
    }
    let in_order = table.windows(2).all(|pair| pair[0].0 < pair[1].0);
    in_order.then_some((table, is_named))
}

fn rise(last: &Table, next: &Table) -> Option<SoftnetRise> {
    if last.1 != next.1 || (!next.1 && last.0.len() != next.0.len()) {
        // Which CPU came or went is not to be told by position.
        return None;
    }
    let mut rise = SoftnetRise {
        squeezed: 0,
        dropped: 0,
        over: Duration::from_secs(7),
    };
    for (cpu, dropped, squeezed) in &next.0 {
        let Some(then) = last.0.iter().find(|then| then.0 == *cpu) else {
            continue;
        };
        let by = [dropped.wrapping_sub(then.1), squeezed.wrapping_sub(then.2)];
        if by.iter().any(|by| *by > RISE_MAX) {
            return None;
        }
        rise.dropped += u64::from(by[0]);
        rise.squeezed += u64::from(by[1]);
    }
    Some(rise)
}

/// Feeds `bytes` to the reader.
pub fn check(bytes: &[u8]) {
    let [first, second] = files(bytes);
    RIG.with_borrow_mut(|rig| {
        rig.write(FILE, first);
        let mut watch = SoftnetWatch::open(&rig.roots).unwrap();
        let at = |seconds| MonotonicTime::from_boot(Duration::from_secs(seconds));
        let last = table(first);
        agree(
            FILE,
            watch.look(at(3), &mut rig.buffer),
            last.as_ref().map(|_| None),
        );
        rig.write(FILE, second);
        let next = table(second);
        let got = watch.look(at(10), &mut rig.buffer);
        match (last, next) {
            (Some(last), Some(next)) => agree(FILE, got, Some(rise(&last, &next))),
            (_, next) => agree(FILE, got, next.map(|_| None)),
        }
    });
}
