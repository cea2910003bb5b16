//! Two looks at a `/proc/PID/stat`: who used system time.

use std::cell::RefCell;
use std::time::Duration;

use node_probe::sample::{ProcessWatch, SLOW_READ};
use node_probe::time::MonotonicTime;

use super::rig::{Rig, files};
use super::slow::number;

/// A longer line is cut, and so refused.
const LINE_MAX: usize = 4_096;

thread_local! {
    static RIG: RefCell<Rig> = RefCell::new(Rig::new());
}

/// What the probe takes from the line.
#[derive(Debug)]
pub struct Fields {
    pub name: String,
    pub flags: u64,
    pub system: u64,
    pub started: u64,
}

/// The fields after the name, which may itself hold anything.
pub fn fields(bytes: &[u8]) -> Option<Fields> {
    let line = bytes.strip_suffix(b"\n")?;
    let open = line.iter().position(|byte| *byte == b'(')?;
    let close = line.iter().rposition(|byte| *byte == b')')?;
    if close < open || line.contains(&b'\n') {
        return None;
    }
    let rest = std::str::from_utf8(&line[close + 1..]).ok()?;
    let words = super::slow::words(rest);
    let name = String::from_utf8_lossy(&line[open + 1..close]);
    let shown = name.chars().map(|c| if c.is_control() { '?' } else { c });
    Some(Fields {
        name: shown.take(64).collect(),
        flags: number(words.get(6))?,
        system: number(words.get(12))?,
        started: number(words.get(19))?,
    })
}

fn told(bytes: &[u8]) -> Option<Fields> {
    fields(bytes).filter(|_| bytes.len() <= LINE_MAX)
}

/// Feeds `bytes` to the reader.
pub fn check(bytes: &[u8]) {
    let [first, second] = files(bytes);
    let at = |seconds| MonotonicTime::from_boot(Duration::from_secs(seconds));
    RIG.with_borrow_mut(|rig| {
        rig.write("proc/812/stat", first);
        let mut watch = ProcessWatch::of(&rig.roots.proc);
        assert_eq!(
            watch.look(at(3), SLOW_READ),
            None,
            "nothing to compare with"
        );
        rig.write("proc/812/stat", second);
        let uses = watch.look(at(13), SLOW_READ).unwrap();
        assert_eq!(uses.over, Duration::from_secs(10));
        let used = told(second).map(|now| {
            let same = told(first).filter(|then| then.started == now.started);
            let before = same.map_or(0, |then| then.system);
            (now.system.saturating_sub(before), now)
        });
        let (ticks, now) = match used {
            Some((ticks, now)) if ticks > 0 => (ticks, now),
            _ => return assert_eq!(uses.top, [], "a line that says nothing"),
        };
        let [told] = &uses.top[..] else {
            panic!("{uses:?}")
        };
        assert_eq!(
            (told.pid, told.started, &told.name),
            (812, now.started, &now.name)
        );
        let ticks = u32::try_from(ticks).unwrap_or(u32::MAX);
        assert_eq!(told.system, Duration::from_millis(10).saturating_mul(ticks));
    });
}
