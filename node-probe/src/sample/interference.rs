//! Signs that a measurement met something other than the kernel's own slowness:
//! the probe was throttled, or the hypervisor took the CPU away.

use std::path::PathBuf;
use std::time::Duration;

use nix::sched::sched_getcpu;
use nix::unistd::{SysconfVar, sysconf};

use super::error::SampleError;
use super::file::{Buffer, KeptFile};
use super::host::{CgroupVersion, MemoryRoot};
use super::leaf::own_cgroup_path;
use super::pressure::{Share, ticks};
use super::roots::Roots;
use super::rows::Rows;

/// What happened between two looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interference {
    /// Times that the probe's cgroup ran into its CPU limit; `None` if not
    /// known.
    pub throttled: Option<u64>,
    /// Time that the hypervisor gave the CPU to others, in clock ticks of
    /// usually 10 ms: of the CPU that the probe stayed on, or of all if it
    /// moved. `None` if not known.
    pub steal: Option<Duration>,
}

/// The files that tell.
#[derive(Debug)]
pub struct InterferenceWatch {
    stat: Result<KeptFile, SampleError>,
    throttling: Result<KeptFile, SampleError>,
    tick: Duration,
}

/// The counters at one moment.
#[derive(Clone, Debug)]
pub struct Look {
    cpu: Option<usize>,
    steal_of_cpu: Option<u64>,
    /// Those of all CPUs.
    pub ticks: Result<Share, SampleError>,
    throttled: Option<u64>,
}

impl InterferenceWatch {
    /// Opens what can be opened; the rest stays unknown.
    #[must_use]
    pub fn open(roots: &Roots, memory: Option<&MemoryRoot>, buffer: &mut Buffer) -> Self {
        Self {
            stat: KeptFile::open(roots.proc.join("stat")),
            throttling: open_throttling(roots, memory, buffer),
            tick: tick(),
        }
    }

    /// What cannot be told, and why.
    pub fn unread(&self) -> impl Iterator<Item = (&'static str, &SampleError)> {
        let steal = self.stat.as_ref().err().map(|error| ("CPU steal", error));
        let throttled = self
            .throttling
            .as_ref()
            .err()
            .map(|error| ("own throttling", error));
        steal.into_iter().chain(throttled)
    }

    /// The counters before a measurement.
    #[must_use]
    pub fn look(&self, buffer: &mut Buffer) -> Look {
        let cpu = sched_getcpu().ok();
        self.look_at(cpu, cpu, buffer)
    }

    /// The counters after a measurement that began with `before`.
    #[must_use]
    pub fn look_after(&self, before: &Look, buffer: &mut Buffer) -> Look {
        self.look_at(sched_getcpu().ok(), before.cpu, buffer)
    }

    /// What happened since `before`.
    #[must_use]
    pub fn since(&self, before: &Look, buffer: &mut Buffer) -> Interference {
        self.between(before, &self.look_after(before, buffer))
    }

    /// What happened from `before` to `after`, a look after it.
    #[must_use]
    pub fn between(&self, before: &Look, after: &Look) -> Interference {
        let steal = if after.cpu.is_some() && after.cpu == before.cpu {
            rise(before.steal_of_cpu, after.steal_of_cpu)
        } else {
            rise(before.steal_of_all(), after.steal_of_all())
        };
        Interference {
            throttled: rise(before.throttled, after.throttled),
            steal: steal.map(|ticks| {
                self.tick
                    .saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))
            }),
        }
    }

    /// The counters, on `cpu`, with the steal of the CPU `asked` for.
    fn look_at(&self, cpu: Option<usize>, asked: Option<usize>, buffer: &mut Buffer) -> Look {
        let throttled = self.throttling.as_ref().ok().and_then(|file| {
            let rows = file.read(buffer).ok()?;
            rows.value("nr_throttled").ok()?
        });
        let rows = match &self.stat {
            Ok(file) => file.read(buffer),
            Err(error) => Err(error.clone()),
        };
        let of_cpu = rows.as_ref().ok().zip(asked);
        Look {
            cpu,
            steal_of_cpu: of_cpu.and_then(|(rows, cpu)| steal(rows, cpu)),
            ticks: rows.and_then(|rows| ticks(&rows)),
            throttled,
        }
    }
}

impl Look {
    fn steal_of_all(&self) -> Option<u64> {
        self.ticks.as_ref().ok().map(|ticks| ticks.part)
    }
}

/// `None` also for a counter that went backwards: then it is not one.
fn rise(before: Option<u64>, after: Option<u64>) -> Option<u64> {
    after?.checked_sub(before?)
}

/// The steal ticks of `cpu`: `cpuN user nice system idle iowait irq softirq
/// steal ...`.
fn steal(rows: &Rows<'_>, cpu: usize) -> Option<u64> {
    const STEAL: usize = 7;
    let mut fields = rows.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let number = fields.next()?.strip_prefix("cpu")?;
        is_number_of(cpu, number).then_some(fields)
    })?;
    rows.number(fields.nth(STEAL)).ok()
}

/// As the kernel prints it: `parse` would take `00` and `+0` for 0.
fn is_number_of(cpu: usize, number: &str) -> bool {
    let digits = cpu.checked_ilog10().map_or(1, |tens| tens as usize + 1);
    number.len() == digits && number.parse() == Ok(cpu)
}

/// The probe's own `cpu.stat`: below the host's tree where its path is known,
/// else in the tree that the container runtime mounted. The root's is no
/// answer: behind a cgroup namespace it belongs to others.
fn open_throttling(
    roots: &Roots,
    memory: Option<&MemoryRoot>,
    buffer: &mut Buffer,
) -> Result<KeptFile, SampleError> {
    let (controller, dir) = match memory.map(|memory| memory.version) {
        Some(CgroupVersion::V2) => ("", ""),
        _ => ("cpu", "cpu"),
    };
    let own = own_cgroup_path(&roots.proc, controller, buffer)
        .map(|own| roots.cgroup.join(dir).join(own));
    let mounted = roots.own_cgroup.as_ref().map(|mount| mount.join(dir));
    let candidates: [Option<PathBuf>; 2] = [own, mounted];
    for dir in candidates.into_iter().flatten() {
        if let Ok(file) = KeptFile::open(dir.join("cpu.stat"))
            && file
                .read(buffer)
                .is_ok_and(|rows| rows.fields("nr_throttled").is_some())
        {
            return Ok(file);
        }
    }
    let why = "no cpu.stat of the probe's own cgroup below it, so throttling of the probe would go \
               unnoticed; run it without a CPU limit";
    Err(SampleError::Unusable {
        path: roots.cgroup.join(dir),
        why,
    })
}

/// The unit of `/proc/stat`: 100 per second on every Linux architecture today.
fn tick() -> Duration {
    let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten();
    let per_second = per_second
        .and_then(|hz| u64::try_from(hz).ok())
        .filter(|hz| *hz > 0);
    Duration::from_nanos(1_000_000_000 / per_second.unwrap_or(100))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const STAT: &str = "cpu  10 0 10 10 0 0 0 77 0 0\ncpu0 5 0 5 5 0 0 0 70 0 0\n\
                        cpu10 5 0 5 5 0 0 0 7 0 0\nintr 12 0\n";

    fn steal_in(text: &str, cpu: usize) -> Option<u64> {
        steal(
            &Rows::new(Path::new("/proc/stat"), text.as_bytes()).unwrap(),
            cpu,
        )
    }

    #[test]
    fn steal_is_that_of_the_cpu_asked_for() {
        assert_eq!(steal_in(STAT, 0), Some(70));
        assert_eq!(steal_in(STAT, 10), Some(7));
        assert_eq!(steal_in(STAT, 1), None);
        assert_eq!(steal_in("cpu00 1 1 1 1 1 1 1 9\n", 0), None);
        assert_eq!(steal_in("cpu+1 1 1 1 1 1 1 1 9\n", 1), None);
    }

    #[test]
    fn a_short_or_broken_row_gives_no_steal() {
        assert_eq!(steal_in("cpu0 1 2 3\n", 0), None);
        assert_eq!(steal_in("cpu0 1 2 3 4 5 6 7 x\n", 0), None);
        assert_eq!(steal_in("intr 1\n", 0), None);
    }

    #[test]
    fn a_counter_that_went_backwards_is_unknown() {
        assert_eq!(rise(Some(5), Some(7)), Some(2));
        assert_eq!(rise(Some(7), Some(5)), None);
        assert_eq!(rise(None, Some(5)), None);
    }

    #[test]
    fn this_machine_tells_its_steal() {
        let mut buffer = Buffer::default();
        let roots = Roots::under(Path::new("/"));
        let watch = InterferenceWatch::open(&roots, None, &mut buffer);
        let look = watch.look(&mut buffer);
        let after = watch.look_after(&look, &mut buffer);
        assert!(watch.between(&look, &after).steal.is_some());
        assert!(after.ticks.unwrap().whole >= look.ticks.unwrap().whole);
    }
}
