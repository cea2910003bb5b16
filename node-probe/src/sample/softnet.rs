//! What the CPUs' receive backlogs went through: `/proc/net/softnet_stat`.
//!
//! One row per online CPU, in hexadecimal: packets processed, packets dropped
//! because the backlog was full, times that the CPU ran out of its budget for
//! received packets, and more; the thirteenth column is the CPU (from 5.10). The
//! file is that of the reader's network namespace, but the counters are the
//! machine's.

use std::time::Duration;

use super::error::SampleError;
use super::file::{Buffer, KeptFile};
use super::roots::Roots;
use super::rows::Rows;
use crate::time::MonotonicTime;

/// How much the counters rose between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoftnetRise {
    /// Times that a CPU ran out of its budget with packets left.
    pub squeezed: u64,
    /// Packets dropped at a full backlog.
    pub dropped: u64,
    /// The time between the looks.
    pub over: Duration,
}

/// The open file and what it said last.
#[derive(Debug)]
pub struct SoftnetWatch {
    file: KeptFile,
    last: Vec<Cpu>,
    next: Vec<Cpu>,
    looked: Option<MonotonicTime>,
}

/// One row. The kernel counts in 32 bits, which wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cpu {
    id: u32,
    dropped: u32,
    squeezed: u32,
}

impl SoftnetWatch {
    /// Opens the file.
    ///
    /// # Errors
    /// [`SampleError::Io`] if it cannot be opened.
    pub fn open(roots: &Roots) -> Result<Self, SampleError> {
        // Process 1 is always there; `net` alone is a link to the reader's own
        // directory, which another procfs does not know.
        let file = KeptFile::open(roots.proc.join("1/net/softnet_stat"))
            .or_else(|_| KeptFile::open(roots.proc.join("net/softnet_stat")))?;
        Ok(Self {
            file,
            last: Vec::new(),
            next: Vec::new(),
            looked: None,
        })
    }

    /// The rise since the last look; `None` at the first one. A CPU that was
    /// not online at both looks does not count.
    ///
    /// # Errors
    /// [`SampleError`] if the file cannot be read or is not what it should be.
    pub fn look(
        &mut self,
        at: MonotonicTime,
        buffer: &mut Buffer,
    ) -> Result<Option<SoftnetRise>, SampleError> {
        let rows = self.file.read(buffer)?;
        parse(&rows, &mut self.next)?;
        let before = self.looked.replace(at);
        let rise = before.map(|before| rise(&self.last, &self.next, at.since(before)));
        std::mem::swap(&mut self.last, &mut self.next);
        Ok(rise)
    }
}

fn rise(last: &[Cpu], next: &[Cpu], over: Duration) -> SoftnetRise {
    let mut rise = SoftnetRise {
        squeezed: 0,
        dropped: 0,
        over,
    };
    for now in next {
        if let Some(then) = last.iter().find(|cpu| cpu.id == now.id) {
            rise.squeezed += u64::from(now.squeezed.wrapping_sub(then.squeezed));
            rise.dropped += u64::from(now.dropped.wrapping_sub(then.dropped));
        }
    }
    rise
}

fn parse(rows: &Rows<'_>, cpus: &mut Vec<Cpu>) -> Result<(), SampleError> {
    const DROPPED: usize = 1;
    const SQUEEZED: usize = 2;
    const CPU: usize = 12;
    cpus.clear();
    for (row, line) in (0..).zip(rows.lines()) {
        let field = |index| line.split_ascii_whitespace().nth(index);
        cpus.push(Cpu {
            // Before 5.10 only the order tells.
            id: match field(CPU) {
                None => row,
                id => rows.hexadecimal(id)?,
            },
            dropped: rows.hexadecimal(field(DROPPED))?,
            squeezed: rows.hexadecimal(field(SQUEEZED))?,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn cpus(text: &str) -> Result<Vec<Cpu>, SampleError> {
        let mut cpus = Vec::new();
        let rows = Rows::new(Path::new("/proc/net/softnet_stat"), text.as_bytes())?;
        parse(&rows, &mut cpus)?;
        Ok(cpus)
    }

    /// A row as 6.18 prints it.
    fn row(cpu: u32, dropped: u32, squeezed: u32) -> String {
        let zeros = "00000000 ".repeat(9);
        format!("0009d0da {dropped:08x} {squeezed:08x} {zeros}{cpu:08x} 00000000 00000000\n")
    }

    #[test]
    fn the_row_is_of_the_cpu_that_it_names() {
        let read = cpus(&(row(0, 1, 2) + &row(7, 0xff, 0x10))).unwrap();
        let seven = Cpu {
            id: 7,
            dropped: 255,
            squeezed: 16,
        };
        assert_eq!(read[1], seven);
        let old = cpus("0000272d 00000002 00000001 00000000 00000000\n").unwrap();
        let first = Cpu {
            id: 0,
            dropped: 2,
            squeezed: 1,
        };
        assert_eq!(old, [first]);
    }

    #[test]
    fn a_cpu_that_came_or_went_does_not_count_and_a_wrapped_counter_does() {
        let second = Duration::from_secs(1);
        let last = cpus(&(row(0, 5, u32::MAX) + &row(1, 90, 90))).unwrap();
        let next = cpus(&(row(0, 7, 2) + &row(2, 50, 50))).unwrap();
        let expected = SoftnetRise {
            squeezed: 3,
            dropped: 2,
            over: second,
        };
        assert_eq!(rise(&last, &next, second), expected);
    }

    #[test]
    fn odd_rows_are_refused() {
        for bad in [
            "0009d0da\n",
            "1 2 xyz\n",
            "1 2 123456789\n",
            "1 2 -3\n",
            "\n",
        ] {
            assert!(cpus(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn this_machine_tells_a_rise_at_the_second_look() {
        let mut watch = SoftnetWatch::open(&Roots::under(Path::new("/"))).unwrap();
        let mut buffer = Buffer::default();
        let at = |seconds| MonotonicTime::from_boot(Duration::from_secs(seconds));
        assert_eq!(watch.look(at(1), &mut buffer), Ok(None));
        let rise = watch.look(at(3), &mut buffer).unwrap().unwrap();
        assert_eq!(rise.over, Duration::from_secs(2));
    }
}
