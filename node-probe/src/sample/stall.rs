//! One timed read of a `memory.stat`.

use std::path::Path;
use std::time::Duration;

use super::clock;
use super::error::SampleError;
use super::file::{Buffer, KeptFile};
use super::schedstat;

/// What one read took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadTiming {
    /// CPU time of the read: what the kernel worked for it.
    pub on_cpu: Duration,
    /// Time from before the read to after it.
    pub wall: Duration,
    /// Time of `wall` that this thread was runnable and had no CPU, throttling
    /// included; `None` where the kernel keeps no scheduling statistics.
    pub run_delay: Option<Duration>,
}

impl ReadTiming {
    /// The read's latency that is the kernel's own: `wall` without the wait
    /// for a CPU, so on-CPU time and time blocked on a lock.
    #[must_use]
    pub fn kernel_latency(&self) -> Option<Duration> {
        Some(self.wall.saturating_sub(self.run_delay?).max(self.on_cpu))
    }
}

/// How long the thread had waited for a CPU after the read before.
#[derive(Debug, Default)]
pub struct Waited(Option<Duration>);

/// Times reads on the thread that opened it.
///
/// It belongs to one thread: `thread-self` resolves to the thread that opens
/// it, and the CPU clock is that of the thread that reads it.
#[derive(Debug)]
pub struct Stopwatch {
    schedstat: Result<KeptFile, SampleError>,
    _of_one_thread: std::marker::PhantomData<*const ()>,
}

impl Stopwatch {
    /// A stopwatch for the calling thread. `proc` may be the host's procfs: it
    /// names the thread by its host ID.
    #[must_use]
    pub fn of_this_thread(proc: &Path) -> Self {
        let schedstat = KeptFile::open(proc.join("thread-self/schedstat"));
        Self {
            schedstat,
            _of_one_thread: std::marker::PhantomData,
        }
    }

    /// Why waits for a CPU cannot be told apart, if they cannot.
    #[must_use]
    pub fn unread(&self) -> Option<&SampleError> {
        self.schedstat.as_ref().err()
    }

    /// One `pread` of `file` between clock readings.
    ///
    /// # Errors
    /// [`SampleError`] if the read fails or what it returned is not a
    /// `memory.stat`: the time of another file would be a wrong number.
    pub fn time(&self, file: &KeptFile, buffer: &mut Buffer) -> Result<ReadTiming, SampleError> {
        self.time_next(file, &mut Waited::default(), buffer)
    }

    /// As [`Stopwatch::time`], right after another read, whose last look at the
    /// wait for a CPU is the first one of this read.
    ///
    /// # Errors
    /// As [`Stopwatch::time`].
    pub fn time_next(
        &self,
        file: &KeptFile,
        waited: &mut Waited,
        buffer: &mut Buffer,
    ) -> Result<ReadTiming, SampleError> {
        loop {
            let before = waited.0.take().or_else(|| self.run_delay(buffer));
            let cpu_before = clock::thread_cpu();
            let wall_before = clock::monotonic();
            let len = file.pread(buffer)?;
            let wall = clock::monotonic().since(wall_before);
            let on_cpu = clock::thread_cpu().saturating_sub(cpu_before);
            if buffer.is_filled_by(len) {
                buffer.grow(file.path())?;
                continue;
            }
            require_memory_stat(file, buffer, len)?;
            waited.0 = self.run_delay(buffer);
            let run_delay = before
                .zip(waited.0)
                .and_then(|(before, after)| after.checked_sub(before));
            return Ok(ReadTiming {
                on_cpu,
                wall,
                run_delay,
            });
        }
    }

    /// The total time that this thread has waited for a CPU.
    fn run_delay(&self, buffer: &mut Buffer) -> Option<Duration> {
        let rows = self.schedstat.as_ref().ok()?.read(buffer).ok()?;
        schedstat::waited(&rows).ok()
    }
}

/// Every `memory.stat` begins with a row `name number`.
fn require_memory_stat(file: &KeptFile, buffer: &Buffer, len: usize) -> Result<(), SampleError> {
    let rows = buffer.rows(file, len)?;
    let line = rows.lines().next().unwrap_or_default();
    let mut fields = line.split_ascii_whitespace();
    let is_name = fields
        .next()
        .is_some_and(|name| name.starts_with(|c: char| c.is_alphabetic()));
    let is_number = rows.number(fields.next()).is_ok();
    if is_name && is_number && fields.next().is_none() {
        return Ok(());
    }
    Err(SampleError::malformed(
        file.path(),
        "rows of a name and a number",
        line.as_bytes(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed(content: &[u8]) -> Result<ReadTiming, SampleError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("memory.stat");
        std::fs::write(&path, content).unwrap();
        let stopwatch = Stopwatch::of_this_thread(Path::new("/proc"));
        stopwatch.time(&KeptFile::open(path).unwrap(), &mut Buffer::default())
    }

    #[test]
    fn a_read_takes_time_of_both_clocks() {
        let timing = timed(b"cache 1024\nrss 0\n").unwrap();
        assert!(timing.wall > Duration::ZERO);
        assert!(timing.on_cpu > Duration::ZERO);
        assert!(timing.kernel_latency().unwrap() >= timing.on_cpu);
    }

    #[test]
    fn only_a_memory_stat_is_timed() {
        for bad in [
            &b""[..],
            b"cache 10",
            b"cache\n",
            b"cache 1 2\n",
            b"<html>\n",
            b"\xff 1\n",
        ] {
            let error = timed(bad).unwrap_err().to_string();
            assert!(error.contains("memory.stat: expected"), "{error}");
        }
    }

    #[test]
    fn without_scheduling_statistics_only_the_wait_is_unknown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("memory.stat");
        std::fs::write(&path, "anon 5\n").unwrap();
        let stopwatch = Stopwatch::of_this_thread(dir.path());
        assert!(
            stopwatch
                .unread()
                .unwrap()
                .to_string()
                .contains("thread-self/schedstat")
        );
        let timing = stopwatch
            .time(&KeptFile::open(path).unwrap(), &mut Buffer::default())
            .unwrap();
        assert_eq!(timing.run_delay, None);
        assert_eq!(timing.kernel_latency(), None);
    }

    #[test]
    fn zeros_are_no_wait_that_was_told() {
        let dir = tempfile::tempdir().unwrap();
        let thread = dir.path().join("thread-self");
        std::fs::create_dir(&thread).unwrap();
        let path = dir.path().join("memory.stat");
        std::fs::write(&path, "anon 5\n").unwrap();
        for (schedstat, delay) in [("0 0 0\n", None), ("9 8 7\n", Some(Duration::ZERO))] {
            std::fs::write(thread.join("schedstat"), schedstat).unwrap();
            let stopwatch = Stopwatch::of_this_thread(dir.path());
            let file = KeptFile::open(path.clone()).unwrap();
            let timing = stopwatch.time(&file, &mut Buffer::default()).unwrap();
            assert_eq!(timing.run_delay, delay, "{schedstat}");
        }
    }

    #[test]
    fn latency_excludes_the_wait_for_a_cpu() {
        let ms = Duration::from_millis;
        let timing = ReadTiming {
            on_cpu: ms(3),
            wall: ms(20),
            run_delay: Some(ms(12)),
        };
        assert_eq!(timing.kernel_latency(), Some(ms(8)));
    }
}
