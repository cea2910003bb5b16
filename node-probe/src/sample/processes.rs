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
use super::process_stat::{self, ProcessStat};
use crate::time::MonotonicTime;

/// Looks while reads are slow lie at least this far apart: system time moves in
/// ticks of 10 ms.
const SLOW_SPACING: Duration = Duration::from_secs(5);
/// Looks for comparison, while reads are fast.
const FAST_SPACING: Duration = Duration::from_secs(600);
/// So many fast reads in a row are no contention, which has both: reads are fast again.
const FAST_AGAIN: u32 = 3;
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
    /// The most that one which is not told of used; nothing where all are.
    pub rest: Duration,
}

/// Looks at all processes now and then.
#[derive(Debug)]
pub struct ProcessWatch {
    proc: PathBuf,
    own: Option<u32>,
    tick: Duration,
    known: HashMap<(u32, u64), u64>,
    looked: Option<MonotonicTime>,
    /// Whether reads have been slow since the last look.
    was_slow: bool,
    /// Fast reads in a row.
    fast: u32,
    /// Whether nobody is to be compared with how it was while they were fast.
    is_brief: bool,
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
            was_slow: false,
            fast: 0,
            is_brief: false,
            text: Vec::new(),
        }
    }

    /// From now on looks only while reads are slow: the run ends before there is
    /// anything to compare with.
    pub fn be_brief(&mut self) {
        self.is_brief = true;
    }

    /// Looks, if it is time to after a root read that took `root` of CPU. Tells
    /// nothing at the first look, nor at the first one after reads became slow: what
    /// was used until then was used while they were fast, or nobody knows.
    pub fn look(&mut self, at: MonotonicTime, root: Duration) -> Option<Uses> {
        let is_slow = root >= SLOW_READ;
        self.fast = if is_slow { 0 } else { self.fast + 1 };
        if self.fast >= FAST_AGAIN {
            // Also where no look is due: what is used from now on is used while they are fast.
            (self.was_slow, self.fast) = (false, FAST_AGAIN);
        }
        let spacing = if is_slow { SLOW_SPACING } else { FAST_SPACING };
        if self.is_brief && !is_slow {
            return None;
        }
        let before = self.looked;
        if before.is_some_and(|before| at.since(before) < spacing) {
            return None;
        }
        self.looked = Some(at);
        let was_slow = std::mem::replace(&mut self.was_slow, is_slow);
        let known = std::mem::take(&mut self.known);
        let mut top = self.scan(&known);
        let over = at.since(before?);
        if is_slow && !was_slow {
            return None;
        }
        top.sort_unstable_by_key(|process| std::cmp::Reverse(process.system));
        let rest = top.get(TOLD).map_or(Duration::ZERO, |next| next.system);
        top.truncate(TOLD);
        Some(Uses { over, top, rest })
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

    fn stat(&mut self, pid: u32) -> Option<ProcessStat> {
        self.text.clear();
        let file = File::open(self.proc.join(pid.to_string()).join("stat")).ok()?;
        file.take(4_096).read_to_end(&mut self.text).ok()?;
        process_stat::parse(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn what_was_used_before_reads_became_slow_is_not_booked_as_slow() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = ProcessWatch::of(dir.path());
        write(dir.path(), 7, "backup", 100, 9);
        assert_eq!(watch.look(at(0), Duration::ZERO), None);
        write(dir.path(), 7, "backup", 9_100, 9);
        assert_eq!(watch.look(at(590), SLOW_READ), None);
        write(dir.path(), 7, "backup", 9_101, 9);
        let uses = watch.look(at(595), SLOW_READ).unwrap();
        assert_eq!(uses.over, Duration::from_secs(5));
        assert_eq!(uses.top[0].system, Duration::from_millis(10));
    }

    #[test]
    fn what_was_used_while_reads_were_fast_again_is_not_booked_as_slow() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = ProcessWatch::of(dir.path());
        write(dir.path(), 7, "backup", 100, 9);
        for second in [0, 5] {
            watch.look(at(second), SLOW_READ);
        }
        // Contention has fast reads as well.
        watch.look(at(8), Duration::ZERO);
        assert!(watch.look(at(10), SLOW_READ).is_some());
        for second in [70, 130, 190] {
            assert_eq!(watch.look(at(second), Duration::ZERO), None);
        }
        write(dir.path(), 7, "backup", 9_100, 9);
        assert_eq!(watch.look(at(515), SLOW_READ), None);
        assert!(watch.look(at(520), SLOW_READ).is_some());
    }

    #[test]
    fn a_brief_run_looks_at_nobody_until_a_read_is_slow() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 7, "backup", 100, 9);
        let mut watch = ProcessWatch::of(dir.path());
        watch.be_brief();
        assert_eq!(watch.look(at(0), Duration::ZERO), None);
        assert!(watch.known.is_empty());
        assert_eq!(
            watch.look(at(1), SLOW_READ),
            None,
            "nothing to compare with"
        );
        write(dir.path(), 7, "backup", 150, 9);
        let uses = watch.look(at(6), SLOW_READ).unwrap();
        assert_eq!(uses.top[0].system, Duration::from_millis(500));
    }

    #[test]
    fn of_those_that_are_not_told_the_most_is() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = ProcessWatch::of(dir.path());
        watch.look(at(0), SLOW_READ);
        for pid in 1..=8 {
            write(dir.path(), pid, "busy", 20, 9);
        }
        let uses = watch.look(at(5), SLOW_READ).unwrap();
        assert_eq!((uses.top.len(), uses.rest), (8, Duration::ZERO));
        write(dir.path(), 9, "other", 3, 9);
        for pid in 1..=8 {
            write(dir.path(), pid, "busy", 40, 9);
        }
        let uses = watch.look(at(10), SLOW_READ).unwrap();
        assert_eq!((uses.top.len(), uses.rest), (8, Duration::from_millis(30)));
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
}
