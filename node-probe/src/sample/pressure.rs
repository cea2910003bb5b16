//! Shares of time: pressure stall information and CPU steal.

use super::error::SampleError;
use super::file::{Buffer, KeptFile};
use super::roots::Roots;
use super::rows::Rows;
use crate::time::MonotonicTime;

/// A part of a time, both in the same unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The part.
    pub part: u64,
    /// The whole; more than zero.
    pub whole: u64,
}

/// One resource of `/proc/pressure`: the time in which tasks waited for it.
#[derive(Debug)]
pub struct PressureWatch {
    file: KeptFile,
    /// `some` task or, where the kernel has no such row, every one (`full`).
    row: &'static str,
    last: Option<(MonotonicTime, u64)>,
}

impl PressureWatch {
    /// Memory: the time in which some task waited.
    ///
    /// # Errors
    /// [`SampleError`] where the kernel does not tell.
    pub fn memory(roots: &Roots, buffer: &mut Buffer) -> Result<Self, SampleError> {
        Self::open(roots, "memory", "some", buffer)
    }

    /// Interrupts: the time that they took from tasks, which has no `some`
    /// (6.1 and later, with CONFIG_IRQ_TIME_ACCOUNTING).
    ///
    /// # Errors
    /// [`SampleError`] where the kernel does not tell.
    pub fn irq(roots: &Roots, buffer: &mut Buffer) -> Result<Self, SampleError> {
        Self::open(roots, "irq", "full", buffer)
    }

    fn open(
        roots: &Roots,
        name: &str,
        row: &'static str,
        buffer: &mut Buffer,
    ) -> Result<Self, SampleError> {
        let file = KeptFile::open(roots.proc.join("pressure").join(name))?;
        // A kernel booted with psi=0 has the file and refuses to read it.
        total(&file.read(buffer)?, row)?;
        Ok(Self {
            file,
            row,
            last: None,
        })
    }

    /// The share of the time since the last look; `None` at the first one.
    ///
    /// # Errors
    /// [`SampleError`] if the file cannot be read or is not what it should be.
    pub fn look(
        &mut self,
        at: MonotonicTime,
        buffer: &mut Buffer,
    ) -> Result<Option<Share>, SampleError> {
        let total = total(&self.file.read(buffer)?, self.row)?;
        let last = self.last.replace((at, total));
        Ok(last.and_then(|(before, earlier)| {
            let whole = u64::try_from(at.since(before).as_micros()).ok()?;
            let part = total.checked_sub(earlier)?;
            // The kernel brings its sums up to date every 2 s.
            (whole > 0).then_some(Share {
                part: part.min(whole),
                whole,
            })
        }))
    }
}

/// The microseconds of `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`.
fn total(rows: &Rows<'_>, row: &'static str) -> Result<u64, SampleError> {
    let Some(mut fields) = rows.fields(row) else {
        return Err(SampleError::MissingRow {
            path: rows.path().to_owned(),
            row,
            hint: "this kernel does not tell it",
        });
    };
    rows.number(fields.find_map(|field| field.strip_prefix("total=")))
}

/// The share of all CPUs' time that the hypervisor gave to others.
#[derive(Debug)]
pub struct StealWatch {
    stat: KeptFile,
    last: Option<Share>,
}

impl StealWatch {
    /// Opens `/proc/stat`.
    ///
    /// # Errors
    /// [`SampleError`] if it cannot be read or tells no steal.
    pub fn open(roots: &Roots, buffer: &mut Buffer) -> Result<Self, SampleError> {
        let stat = KeptFile::open(roots.proc.join("stat"))?;
        ticks(&stat.read(buffer)?)?;
        Ok(Self { stat, last: None })
    }

    /// The share of the time since the last look; `None` at the first one, and
    /// while no clock tick has passed.
    ///
    /// # Errors
    /// [`SampleError`] if the file cannot be read or is not what it should be.
    pub fn look(&mut self, buffer: &mut Buffer) -> Result<Option<Share>, SampleError> {
        let now = ticks(&self.stat.read(buffer)?)?;
        Ok(self.take(now))
    }

    /// As [`StealWatch::look`], where the [`ticks`] of now were read already.
    pub fn take(&mut self, now: Share) -> Option<Share> {
        let last = self.last.replace(now)?;
        let whole = now.whole.checked_sub(last.whole)?;
        let part = now.part.checked_sub(last.part)?;
        (whole > 0).then_some(Share {
            part: part.min(whole),
            whole,
        })
    }
}

/// Steal and all ticks of `cpu user nice system idle iowait irq softirq steal
/// guest guest_nice`; guests' time is in user and nice already.
///
/// # Errors
/// [`SampleError`] if there is no such row, or a shorter one.
pub fn ticks(rows: &Rows<'_>) -> Result<Share, SampleError> {
    const SUMMED: usize = 8;
    let Some(mut fields) = rows.fields("cpu") else {
        return Err(SampleError::MissingRow {
            path: rows.path().to_owned(),
            row: "cpu",
            hint: "it sums up all CPUs on every kernel",
        });
    };
    let mut share = Share { part: 0, whole: 0 };
    for _ in 0..SUMMED {
        share.part = rows.number(fields.next())?;
        share.whole = share.whole.checked_add(share.part).ok_or_else(|| {
            rows.malformed("ticks whose sum fits 64 bits", &share.part.to_string())
        })?;
    }
    Ok(share)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> MonotonicTime {
        MonotonicTime::from_boot(Duration::from_secs(seconds))
    }

    fn tree(name: &str, text: &str) -> (tempfile::TempDir, Roots) {
        let dir = tempfile::tempdir().unwrap();
        let roots = Roots::under(dir.path());
        write(&roots, name, text);
        (dir, roots)
    }

    fn write(roots: &Roots, name: &str, text: &str) {
        let path = roots.proc.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn psi(row: &str, total: u64) -> String {
        format!("{row} avg10=0.00 avg60=1.50 avg300=0.20 total={total}\n")
    }

    #[test]
    fn pressure_is_a_share_of_the_time_between_looks() {
        let (_dir, roots) = tree("pressure/memory", &(psi("some", 100) + &psi("full", 7)));
        let mut buffer = Buffer::default();
        let mut watch = PressureWatch::memory(&roots, &mut buffer).unwrap();
        assert_eq!(watch.look(at(10), &mut buffer), Ok(None));
        write(
            &roots,
            "pressure/memory",
            &(psi("some", 500_100) + &psi("full", 7)),
        );
        let half = Share {
            part: 500_000,
            whole: 1_000_000,
        };
        assert_eq!(watch.look(at(11), &mut buffer), Ok(Some(half)));
        write(&roots, "pressure/memory", &psi("some", 1));
        assert_eq!(watch.look(at(12), &mut buffer), Ok(None), "backwards");
    }

    #[test]
    fn a_kernel_that_does_not_tell_is_an_error() {
        let (_dir, roots) = tree("pressure/irq", &psi("some", 100));
        let error = PressureWatch::irq(&roots, &mut Buffer::default()).unwrap_err();
        assert!(error.to_string().contains("no row full"), "{error}");
        let error = PressureWatch::memory(&roots, &mut Buffer::default()).unwrap_err();
        assert!(error.to_string().contains("pressure/memory"), "{error}");
        for bad in [
            "some\n",
            "some total=\n",
            "some total=-1\n",
            "some total=1.5\n",
        ] {
            write(&roots, "pressure/memory", bad);
            assert!(
                PressureWatch::memory(&roots, &mut Buffer::default()).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn steal_is_a_share_of_all_ticks() {
        let (_dir, roots) = tree("stat", "cpu  10 0 10 70 0 0 0 10 9 9\ncpu0 1 1 1\n");
        let mut buffer = Buffer::default();
        let mut watch = StealWatch::open(&roots, &mut buffer).unwrap();
        assert_eq!(watch.look(&mut buffer), Ok(None));
        assert_eq!(watch.look(&mut buffer), Ok(None), "no tick has passed");
        write(&roots, "stat", "cpu  10 0 10 145 0 0 0 35 9 9\n");
        let quarter = Share {
            part: 25,
            whole: 100,
        };
        assert_eq!(watch.look(&mut buffer), Ok(Some(quarter)));
    }

    #[test]
    fn a_sum_beyond_64_bits_tells_no_share() {
        let (_dir, roots) = tree("stat", "cpu 10 0 10 70 0 0 0 10\n");
        let mut buffer = Buffer::default();
        let mut watch = StealWatch::open(&roots, &mut buffer).unwrap();
        assert_eq!(watch.look(&mut buffer), Ok(None));
        write(
            &roots,
            "stat",
            &format!("cpu {0} 0 10 {0} 0 0 0 20\n", u64::MAX),
        );
        let error = watch.look(&mut buffer).unwrap_err().to_string();
        assert!(
            error.contains("stat: expected ticks whose sum fits"),
            "{error}"
        );
    }

    #[test]
    fn a_short_row_tells_no_steal() {
        let (_dir, roots) = tree("stat", "cpu 1 2 3 4\n");
        assert!(StealWatch::open(&roots, &mut Buffer::default()).is_err());
        write(&roots, "stat", "intr 1\n");
        assert!(StealWatch::open(&roots, &mut Buffer::default()).is_err());
        let this = StealWatch::open(&Roots::under(Path::new("/")), &mut Buffer::default());
        assert!(this.is_ok());
    }
}
