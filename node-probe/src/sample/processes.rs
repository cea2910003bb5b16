//! How much system time each process used: who may be behind slow reads.
//!
//! `/proc/PID/stat` is readable for everybody, but it takes about 10 us for each
//! process, so it is not part of every cycle.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{SysconfVar, sysconf};

use super::again::SLOW_READ;
use crate::time::MonotonicTime;

/// Looks while reads are slow lie at least this far apart: system time moves in
/// ticks of 10 ms.
const SLOW_SPACING: Duration = Duration::from_secs(5);
/// Looks for comparison, while reads are fast.
const FAST_SPACING: Duration = Duration::from_secs(600);
/// The processes that one look tells of.
const TOLD: usize = 8;
/// Processes beyond this many are not looked at.
const PROCESSES_MAX: usize = 32_768;

/// What one process used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessUse {
    /// Its number on the host.
    pub pid: u32,
    /// When it started, in ticks after boot: numbers are used again.
    pub started: u64,
    /// Its name, at most 15 bytes of it for other than kernel threads.
    pub name: String,
    /// The CPU time that it used inside the kernel.
    pub system: Duration,
}

/// The processes that used the most system time between two looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uses {
    /// Between the looks.
    pub over: Duration,
    /// The most first.
    pub top: Vec<ProcessUse>,
}

/// Looks at all processes now and then.
#[derive(Debug)]
pub struct ProcessWatch {
    proc: PathBuf,
    own: Option<u32>,
    tick: Duration,
    known: HashMap<(u32, u64), u64>,
    looked: Option<MonotonicTime>,
    text: Vec<u8>,
}

impl ProcessWatch {
    /// A watch of the processes that `proc` lists. The own process is left out
    /// where `proc` shows it.
    #[must_use]
    pub fn of(proc: &Path) -> Self {
        let own = fs::read_link(proc.join("self")).ok();
        let hertz = sysconf(SysconfVar::CLK_TCK).ok().flatten();
        let hertz = hertz.and_then(|hertz| u32::try_from(hertz).ok());
        Self {
            proc: proc.to_owned(),
            own: own.and_then(|own| own.to_str()?.parse().ok()),
            tick: Duration::from_secs(1) / hertz.unwrap_or(100).max(1),
            known: HashMap::new(),
            looked: None,
            text: Vec::new(),
        }
    }

    /// Looks, if it is time to after a root read that took `root` of CPU. Tells
    /// nothing at the first look.
    pub fn look(&mut self, at: MonotonicTime, root: Duration) -> Option<Uses> {
        let spacing = if root >= SLOW_READ {
            SLOW_SPACING
        } else {
            FAST_SPACING
        };
        let before = self.looked;
        if before.is_some_and(|before| at.since(before) < spacing) {
            return None;
        }
        self.looked = Some(at);
        let known = std::mem::take(&mut self.known);
        let mut top = self.scan(&known);
        let over = at.since(before?);
        top.sort_unstable_by_key(|process| std::cmp::Reverse(process.system));
        top.truncate(TOLD);
        Some(Uses { over, top })
    }

    /// Remembers every process; gives those that used something since `known`.
    fn scan(&mut self, known: &HashMap<(u32, u64), u64>) -> Vec<ProcessUse> {
        let mut used = Vec::new();
        let Ok(entries) = fs::read_dir(&self.proc) else {
            return used;
        };
        for entry in entries.flatten().take(PROCESSES_MAX) {
            let name = entry.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if Some(pid) == self.own {
                continue;
            }
            // A process that ended meanwhile has nothing to tell.
            let Some(stat) = self.stat(pid) else { continue };
            self.known.insert((pid, stat.started), stat.system);
            // One that started since the last look used all of it since then;
            // at the first look that is not known.
            let before = known.get(&(pid, stat.started)).copied().unwrap_or(0);
            let ticks = stat.system.saturating_sub(before);
            if ticks > 0 {
                let ticks = u32::try_from(ticks).unwrap_or(u32::MAX);
                used.push(ProcessUse {
                    pid,
                    started: stat.started,
                    name: stat.name,
                    system: self.tick.saturating_mul(ticks),
                });
            }
        }
        used
    }

    fn stat(&mut self, pid: u32) -> Option<Stat> {
        self.text.clear();
        let file = File::open(self.proc.join(pid.to_string()).join("stat")).ok()?;
        file.take(4_096).read_to_end(&mut self.text).ok()?;
        parse(&self.text)
    }
}

/// The fields of `/proc/PID/stat` that are of use here.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    name: String,
    system: u64,
    started: u64,
}

/// `pid (name) state ...` (proc(5)); the name may hold anything, also `) R`.
fn parse(text: &[u8]) -> Option<Stat> {
    let open = text.iter().position(|byte| *byte == b'(')?;
    let close = text.iter().rposition(|byte| *byte == b')')?;
    let name = String::from_utf8_lossy(text.get(open + 1..close)?);
    // A line that does not end was cut, and its last number with it.
    let rest = text.get(close + 1..)?.strip_suffix(b"\n")?;
    let mut fields = std::str::from_utf8(rest).ok()?.split_ascii_whitespace();
    // After the name: field 3 is the first, so 15 (stime) is the 13th.
    let system = fields.nth(12)?.parse().ok()?;
    // 22, starttime.
    let started = fields.nth(6)?.parse().ok()?;
    let printable = |c: char| if c.is_control() { '?' } else { c };
    Some(Stat {
        name: name.chars().map(printable).take(64).collect(),
        system,
        started,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> MonotonicTime {
        MonotonicTime::from_boot(Duration::from_secs(seconds))
    }

    fn line(pid: u32, name: &str, system: u64, started: u64) -> String {
        format!(
            "{pid} ({name}) S 1 1 1 0 -1 4194560 0 0 0 0 7 {system} 0 0 20 0 1 0 {started} 0 0\n"
        )
    }

    fn write(proc: &Path, pid: u32, name: &str, system: u64, started: u64) {
        fs::create_dir_all(proc.join(pid.to_string())).unwrap();
        let path = proc.join(pid.to_string()).join("stat");
        fs::write(path, line(pid, name, system, started)).unwrap();
    }

    #[test]
    fn who_used_the_most_between_two_looks_is_first() {
        let dir = tempfile::tempdir().unwrap();
        let proc = dir.path();
        write(proc, 1, "systemd", 90_000, 3);
        write(proc, 812, "kubelet", 500, 900);
        let mut watch = ProcessWatch::of(proc);
        assert_eq!(
            watch.look(at(10), SLOW_READ),
            None,
            "nothing to compare with"
        );
        write(proc, 812, "kubelet", 640, 900);
        write(proc, 1, "systemd", 90_001, 3);
        write(proc, 813, "cadvisor", 30, 1_200);
        assert_eq!(watch.look(at(14), SLOW_READ), None, "too soon");
        let uses = watch.look(at(20), SLOW_READ).unwrap();
        assert_eq!(uses.over, Duration::from_secs(10));
        let told: Vec<_> = uses.top.iter().map(|p| (&*p.name, p.system)).collect();
        let ticks = |ticks| Duration::from_millis(10) * ticks;
        let all = [
            ("kubelet", ticks(140)),
            ("cadvisor", ticks(30)),
            ("systemd", ticks(1)),
        ];
        assert_eq!(told, all);
    }

    #[test]
    fn a_number_used_again_is_another_process_and_fast_reads_wait_longer() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = ProcessWatch::of(dir.path());
        write(dir.path(), 7, "old", 900, 100);
        watch.look(at(0), Duration::ZERO);
        write(dir.path(), 7, "new", 20, 5_000);
        assert_eq!(watch.look(at(599), Duration::ZERO), None);
        let uses = watch.look(at(600), Duration::ZERO).unwrap();
        assert_eq!(uses.top[0].system, Duration::from_millis(200));
    }

    #[test]
    fn a_name_may_hold_anything() {
        let stat = parse(line(7, "a) R 1 (b\u{1b}", 12, 34).as_bytes()).unwrap();
        let name = "a) R 1 (b?".to_owned();
        assert_eq!(
            stat,
            Stat {
                name,
                system: 12,
                started: 34
            }
        );
    }

    #[test]
    fn a_cut_line_tells_nothing() {
        let whole = line(7, "x", 12, 34);
        for end in 0..whole.len() {
            assert_eq!(parse(&whole.as_bytes()[..end]), None, "{end}");
        }
    }

    #[test]
    fn this_machine_has_processes_that_use_system_time() {
        let mut watch = ProcessWatch::of(Path::new("/proc"));
        watch.look(at(0), SLOW_READ);
        assert!(watch.known.len() > 1);
        assert!(
            !watch
                .known
                .keys()
                .any(|(pid, _)| *pid == std::process::id())
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&text);
        }
    }
}
