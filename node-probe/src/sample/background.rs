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

/// The least time that rates, ratios and longest waits are told over. Without it
/// the pace would change what they say: one squeeze in half a second of fast
/// sampling is thousands an hour. Shorter than the least pause of quiet sampling
/// at its default, so that each quiet cycle tells.
pub const WINDOW: Duration = Duration::from_secs(30);

/// A shorter window is told by nobody: pressure is brought up to date every 2 s,
/// and the wait of a softirq thread is that within a second.
const WINDOW_MIN: Duration = Duration::from_secs(2);

/// A value, none while its window lasts or for want of an earlier look, or why there
/// is none. The reason is shared: on a kernel that lacks a file it is the same for
/// ever.
pub type Told<T> = Result<Option<T>, Arc<str>>;

/// What happened in the window that ended with this observation, if one did.
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
    softirqd: Source<SoftirqdWatch>,
    softnet: Source<SoftnetWatch>,
    memory: Source<PressureWatch>,
    irq: Source<PressureWatch>,
    steal: Source<StealWatch>,
    window: Duration,
    /// When the window began; `None` before the first observation.
    began: Option<MonotonicTime>,
}

/// A watch, and why its last look failed if it did: that holds until the next one.
#[derive(Debug)]
struct Source<W> {
    watch: Result<W, Arc<str>>,
    failed: Option<Arc<str>>,
}

impl<W> Source<W> {
    fn of(opened: Result<W, SampleError>) -> Self {
        Self {
            watch: opened.map_err(reason),
            failed: None,
        }
    }

    fn look<T>(&mut self, look: impl FnOnce(&mut W) -> Result<Option<T>, SampleError>) -> Told<T> {
        let watch = self.watch.as_mut().map_err(|why| Arc::clone(why))?;
        let told = look(watch).map_err(reason);
        self.failed = told.as_ref().err().map(Arc::clone);
        told
    }

    /// What it says while the window lasts.
    fn between<T>(&self) -> Told<T> {
        match (&self.watch, &self.failed) {
            (Err(why), _) | (Ok(_), Some(why)) => Err(Arc::clone(why)),
            (Ok(_), None) => Ok(None),
        }
    }
}

impl Background {
    /// Opens what can be opened.
    #[must_use]
    pub fn open(roots: &Roots, buffer: &mut Buffer) -> Self {
        Self {
            softirqd: Source::of(SoftirqdWatch::open(roots, buffer)),
            softnet: Source::of(SoftnetWatch::open(roots)),
            memory: Source::of(PressureWatch::memory(roots, buffer)),
            irq: Source::of(PressureWatch::irq(roots, buffer)),
            steal: Source::of(StealWatch::open(roots, buffer)),
            window: WINDOW,
            began: None,
        }
    }

    /// From now on a window lasts for `window` at least.
    pub fn set_window(&mut self, window: Duration) {
        self.window = window;
    }

    /// A look between observations, at what only frequent looks can tell.
    pub fn tick(&mut self, buffer: &mut Buffer) {
        if let Ok(softirqd) = &mut self.softirqd.watch
            && let Err(error) = softirqd.look(buffer)
        {
            self.softirqd = Source::of(Err(error));
        }
    }

    /// What happened in the window, if it is over: the next one then begins. `ticks`
    /// are those of all CPUs now: the file that tells them is long on a large
    /// machine, and just read.
    pub fn observe(
        &mut self,
        at: MonotonicTime,
        ticks: Result<Share, SampleError>,
        buffer: &mut Buffer,
    ) -> Surroundings {
        self.tick(buffer);
        if self.lasted(at).is_some_and(|lasted| lasted < self.window) {
            return self.between();
        }
        self.end(at, |watch, _| Ok(watch.take(ticks?)), buffer)
    }

    /// Ends the window before its time, as nobody will look again. One that is too
    /// short says nothing.
    pub fn end_early(&mut self, at: MonotonicTime, buffer: &mut Buffer) -> Surroundings {
        self.tick(buffer);
        if self.lasted(at).is_none_or(|lasted| lasted < WINDOW_MIN) {
            return self.between();
        }
        self.end(at, StealWatch::look, buffer)
    }

    fn lasted(&self, at: MonotonicTime) -> Option<Duration> {
        self.began.map(|began| at.since(began))
    }

    fn end(
        &mut self,
        at: MonotonicTime,
        steal: impl FnOnce(&mut StealWatch, &mut Buffer) -> Result<Option<Share>, SampleError>,
        buffer: &mut Buffer,
    ) -> Surroundings {
        let is_first = self.began.replace(at).is_none();
        Surroundings {
            // The threads were looked at when they were found: that is no window.
            softirq_delay: self
                .softirqd
                .look(|watch| Ok(watch.take().filter(|_| !is_first))),
            softnet: self.softnet.look(|watch| watch.look(at, buffer)),
            memory_pressure: self.memory.look(|watch| watch.look(at, buffer)),
            irq_pressure: self.irq.look(|watch| watch.look(at, buffer)),
            steal: self.steal.look(|watch| steal(watch, buffer)),
        }
    }

    fn between(&self) -> Surroundings {
        Surroundings {
            softirq_delay: self.softirqd.between(),
            softnet: self.softnet.between(),
            memory_pressure: self.memory.between(),
            irq_pressure: self.irq.between(),
            steal: self.steal.between(),
        }
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
        let seen = background.observe(at(31), Ok(later), &mut buffer);
        assert!(seen.softirq_delay.unwrap().is_some());
        assert!(seen.softnet.unwrap().is_some());
        assert_eq!(seen.steal, Ok(Some(Share { part: 1, whole: 2 })));
        for (name, pressure) in [("memory", seen.memory_pressure), ("irq", seen.irq_pressure)] {
            let exists = Path::new("/proc/pressure").join(name).exists();
            assert_eq!(pressure.is_ok(), exists, "{name}: {pressure:?}");
        }
    }

    const SQUEEZED: usize = 2;

    fn squeezed(roots: &Roots, times: u32) {
        let mut fields = ["00000000"; 13].map(str::to_owned);
        fields[SQUEEZED] = format!("{times:08x}");
        std::fs::create_dir_all(roots.proc.join("net")).unwrap();
        std::fs::write(roots.proc.join("net/softnet_stat"), fields.join(" ") + "\n").unwrap();
    }

    #[test]
    fn however_often_is_looked_a_rate_is_of_a_whole_window() {
        let dir = tempfile::tempdir().unwrap();
        let roots = Roots::under(dir.path());
        squeezed(&roots, 0);
        let mut buffer = Buffer::default();
        let mut background = Background::open(&roots, &mut buffer);
        let mut rises = Vec::new();
        for second in 0..=60 {
            // One a minute, in the first half of it.
            squeezed(&roots, u32::from(second > 10));
            let seen = background.observe(at(second), Ok(TICKS), &mut buffer);
            rises.extend(seen.softnet.unwrap().map(|rise| (second, rise)));
        }
        let rise = |squeezed| SoftnetRise {
            squeezed,
            dropped: 0,
            over: WINDOW,
        };
        assert_eq!(rises, [(30, rise(1)), (60, rise(0))]);
    }

    #[test]
    fn a_failure_holds_until_the_next_window_ends() {
        let dir = tempfile::tempdir().unwrap();
        let roots = Roots::under(dir.path());
        squeezed(&roots, 0);
        let mut buffer = Buffer::default();
        let mut background = Background::open(&roots, &mut buffer);
        let mut softnet = |second| {
            let seen = background.observe(at(second), Ok(TICKS), &mut buffer);
            seen.softnet.map(|rise| rise.is_some())
        };
        assert_eq!(softnet(0), Ok(false));
        std::fs::write(roots.proc.join("net/softnet_stat"), "odd\n").unwrap();
        assert!(softnet(30).is_err() && softnet(31).is_err());
        squeezed(&roots, 0);
        assert!(softnet(32).is_err());
        assert_eq!(softnet(60), Ok(false), "begun anew");
        assert_eq!(softnet(61), Ok(false));
        assert_eq!(softnet(90), Ok(true));
    }

    #[test]
    fn a_run_that_ends_is_one_window_unless_it_was_too_short() {
        let mut buffer = Buffer::default();
        let mut background = Background::open(&Roots::under(Path::new("/")), &mut buffer);
        background.set_window(Duration::MAX);
        for second in [1, 40] {
            let seen = background.observe(at(second), Ok(TICKS), &mut buffer);
            assert_eq!(seen.softnet, Ok(None), "{second}");
        }
        let seen = background.end_early(at(41), &mut buffer);
        let over = seen.softnet.unwrap().unwrap().over;
        assert_eq!(over, Duration::from_secs(40));
        let seen = background.end_early(at(42), &mut buffer);
        assert_eq!(seen.softnet, Ok(None));
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
