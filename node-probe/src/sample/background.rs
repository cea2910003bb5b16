//! What else the node goes through while reads are slow or fast: evidence that
//! corroborates a stall or explains it away.

use std::sync::Arc;
use std::time::Duration;

use super::error::SampleError;
use super::file::Buffer;
use super::pressure::{PressureWatch, Share, StealWatch};
use super::roots::Roots;
use super::softirqd::SoftirqdWatch;
use super::softnet::{SoftnetRise, SoftnetWatch};
use crate::time::MonotonicTime;

/// A value, none yet for want of an earlier look, or why there is none. The
/// reason is shared: on a kernel that lacks a file it is the same for ever.
pub type Told<T> = Result<Option<T>, Arc<str>>;

/// What happened since the last observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// The longest that a `ksoftirqd` thread waited for its CPU between two
    /// looks, which are a second apart.
    pub softirq_delay: Told<Duration>,
    /// The receive backlogs.
    pub softnet: Told<SoftnetRise>,
    /// The time in which some task waited for memory.
    pub memory_pressure: Told<Share>,
    /// The time that interrupts took from tasks.
    pub irq_pressure: Told<Share>,
    /// The time that the hypervisor gave to others.
    pub steal: Told<Share>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            softirq_delay: Ok(None),
            softnet: Ok(None),
            memory_pressure: Ok(None),
            irq_pressure: Ok(None),
            steal: Ok(None),
        }
    }
}

/// The open files. What this kernel does not have stays unknown.
#[derive(Debug)]
pub struct Background {
    softirqd: Result<SoftirqdWatch, Arc<str>>,
    softnet: Result<SoftnetWatch, Arc<str>>,
    memory: Result<PressureWatch, Arc<str>>,
    irq: Result<PressureWatch, Arc<str>>,
    steal: Result<StealWatch, Arc<str>>,
}

impl Background {
    /// Opens what can be opened.
    #[must_use]
    pub fn open(roots: &Roots, buffer: &mut Buffer) -> Self {
        Self {
            softirqd: SoftirqdWatch::open(roots, buffer).map_err(reason),
            softnet: SoftnetWatch::open(roots).map_err(reason),
            memory: PressureWatch::memory(roots, buffer).map_err(reason),
            irq: PressureWatch::irq(roots, buffer).map_err(reason),
            steal: StealWatch::open(roots, buffer).map_err(reason),
        }
    }

    /// A look between observations, at what only frequent looks can tell.
    pub fn tick(&mut self, buffer: &mut Buffer) {
        if let Ok(softirqd) = &mut self.softirqd
            && let Err(error) = softirqd.look(buffer)
        {
            self.softirqd = Err(reason(error));
        }
    }

    /// What happened since the last call. `ticks` are those of all CPUs now: the
    /// file that tells them is long on a large machine, and just read.
    pub fn observe(
        &mut self,
        at: MonotonicTime,
        ticks: Result<Share, SampleError>,
        buffer: &mut Buffer,
    ) -> Surroundings {
        self.tick(buffer);
        Surroundings {
            softirq_delay: told(&mut self.softirqd, |watch| Ok(watch.take())),
            softnet: told(&mut self.softnet, |watch| watch.look(at, buffer)),
            memory_pressure: told(&mut self.memory, |watch| watch.look(at, buffer)),
            irq_pressure: told(&mut self.irq, |watch| watch.look(at, buffer)),
            steal: told(&mut self.steal, |watch| Ok(watch.take(ticks?))),
        }
    }
}

fn told<W, T>(
    watch: &mut Result<W, Arc<str>>,
    look: impl FnOnce(&mut W) -> Result<Option<T>, SampleError>,
) -> Told<T> {
    match watch {
        Ok(watch) => look(watch).map_err(reason),
        Err(why) => Err(Arc::clone(why)),
    }
}

fn reason(error: SampleError) -> Arc<str> {
    error.to_string().into()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn at(seconds: u64) -> MonotonicTime {
        MonotonicTime::from_boot(Duration::from_secs(seconds))
    }

    const TICKS: Share = Share { part: 1, whole: 9 };

    #[test]
    fn this_machine_tells_all_but_what_its_kernel_lacks() {
        let mut buffer = Buffer::default();
        let mut background = Background::open(&Roots::under(Path::new("/")), &mut buffer);
        background.observe(at(1), Ok(TICKS), &mut buffer);
        std::thread::sleep(Duration::from_millis(50));
        let later = Share { part: 2, whole: 11 };
        let seen = background.observe(at(3), Ok(later), &mut buffer);
        assert!(seen.softirq_delay.unwrap().is_some());
        assert!(seen.softnet.unwrap().is_some());
        assert_eq!(seen.steal, Ok(Some(Share { part: 1, whole: 2 })));
        for (name, pressure) in [("memory", seen.memory_pressure), ("irq", seen.irq_pressure)] {
            let exists = Path::new("/proc/pressure").join(name).exists();
            assert_eq!(pressure.is_ok(), exists, "{name}: {pressure:?}");
        }
    }

    #[test]
    fn what_cannot_be_opened_is_unknown_with_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let mut buffer = Buffer::default();
        let mut background = Background::open(&Roots::under(dir.path()), &mut buffer);
        background.tick(&mut buffer);
        let seen = background.observe(at(1), Ok(TICKS), &mut buffer);
        for (why, path) in [
            (seen.softirq_delay.unwrap_err(), "proc"),
            (seen.softnet.unwrap_err(), "softnet_stat"),
            (seen.memory_pressure.unwrap_err(), "pressure/memory"),
            (seen.irq_pressure.unwrap_err(), "pressure/irq"),
            (seen.steal.unwrap_err(), "proc/stat"),
        ] {
            assert!(why.contains(path), "{why}");
        }
    }
}
