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
    last: Table,
    next: Table,
    looked: Option<MonotonicTime>,
}

/// The rows of one look.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    cpus: Vec<Cpu>,
    /// Whether the rows name their CPUs. Before 5.10 only the order tells.
    is_named: bool,
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
            last: Table::default(),
            next: Table::default(),
            looked: None,
        })
    }

    /// The rise since the last look; `None` at the first one, and where it cannot
    /// be told. A CPU that was not online at both looks does not count.
    ///
    /// # Errors
    /// [`SampleError`] if the file cannot be read or is not what it should be;
    /// the look after it is a first one.
    pub fn look(
        &mut self,
        at: MonotonicTime,
        buffer: &mut Buffer,
    ) -> Result<Option<SoftnetRise>, SampleError> {
        let before = self.looked.take();
        let rows = self.file.read_to_end(buffer)?;
        parse(&rows, &mut self.next)?;
        self.looked = Some(at);
        let rise = before.and_then(|before| rise(&self.last, &self.next, at.since(before)));
        std::mem::swap(&mut self.last, &mut self.next);
        Ok(rise)
    }
}

/// `None` where a row cannot be told from another CPU's, and for a counter that
/// went backwards: a counter of 32 bits that wrapped rose by less than half of
/// them.
fn rise(last: &Table, next: &Table, over: Duration) -> Option<SoftnetRise> {
    let is_moved = !next.is_named && last.cpus.len() != next.cpus.len();
    if last.is_named != next.is_named || is_moved {
        return None;
    }
    let mut rise = SoftnetRise {
        squeezed: 0,
        dropped: 0,
        over,
    };
    let mut before = last.cpus.iter().peekable();
    for now in &next.cpus {
        while before.next_if(|then| then.id < now.id).is_some() {}
        if let Some(then) = before.next_if(|then| then.id == now.id) {
            rise.squeezed += counted(then.squeezed, now.squeezed)?;
            rise.dropped += counted(then.dropped, now.dropped)?;
        }
    }
    Some(rise)
}

fn counted(then: u32, now: u32) -> Option<u64> {
    let by = now.wrapping_sub(then);
    i32::try_from(by).is_ok().then_some(u64::from(by))
}

fn parse(rows: &Rows<'_>, table: &mut Table) -> Result<(), SampleError> {
    const DROPPED: usize = 1;
    const SQUEEZED: usize = 2;
    const CPU: usize = 12;
    table.cpus.clear();
    for (row, line) in (0..).zip(rows.lines()) {
        let field = |index| line.split_ascii_whitespace().nth(index);
        let id = field(CPU);
        if row == 0 {
            table.is_named = id.is_some();
        }
        let cpu = Cpu {
            id: match id {
                Some(_) => rows.hexadecimal(id)?,
                None => row,
            },
            dropped: rows.hexadecimal(field(DROPPED))?,
            squeezed: rows.hexadecimal(field(SQUEEZED))?,
        };
        let is_after = table.cpus.last().is_none_or(|last| last.id < cpu.id);
        if id.is_some() != table.is_named || !is_after {
            return Err(rows.malformed("one row for each CPU, in their order", line));
        }
        table.cpus.push(cpu);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn cpus(text: &str) -> Result<Table, SampleError> {
        let mut table = Table::default();
        let rows = Rows::new(Path::new("/proc/net/softnet_stat"), text.as_bytes())?;
        parse(&rows, &mut table)?;
        Ok(table)
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
        assert_eq!((read.cpus[1], read.is_named), (seven, true));
        let old = cpus("0000272d 00000002 00000001 00000000 00000000\n").unwrap();
        let first = Cpu {
            id: 0,
            dropped: 2,
            squeezed: 1,
        };
        assert_eq!((&old.cpus[..], old.is_named), (&[first][..], false));
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
        assert_eq!(rise(&last, &next, second), Some(expected));
    }

    /// A row as 4.14 prints it.
    fn old_row(dropped: u32, squeezed: u32) -> String {
        format!("0009d0da {dropped:08x} {squeezed:08x} 00000000 00000000\n")
    }

    #[test]
    fn a_row_without_its_cpu_says_nothing_once_a_cpu_came_or_went() {
        let second = Duration::from_secs(1);
        let three = cpus(&(old_row(0, 5) + &old_row(0, 90) + &old_row(0, 7))).unwrap();
        let two = cpus(&(old_row(0, 5) + &old_row(0, 7))).unwrap();
        assert_eq!(rise(&three, &two, second), None);
        assert_eq!(rise(&two, &two, second).map(|rise| rise.squeezed), Some(0));
        let named = cpus(&(row(0, 0, 5) + &row(1, 0, 7))).unwrap();
        assert_eq!(rise(&two, &named, second), None);
    }

    #[test]
    fn a_counter_that_went_backwards_is_unknown() {
        let second = Duration::from_secs(1);
        let (last, next) = (cpus(&row(0, 7, 9)).unwrap(), cpus(&row(0, 7, 8)).unwrap());
        assert_eq!(rise(&last, &next, second), None);
    }

    #[test]
    fn a_cpu_twice_out_of_order_or_nameless_among_named_ones_is_refused() {
        for (first, then) in [(1, row(1, 0, 0)), (2, row(1, 0, 0)), (0, old_row(0, 0))] {
            let error = cpus(&(row(first, 0, 0) + &then)).unwrap_err().to_string();
            assert!(
                error.contains("softnet_stat: expected one row for each CPU"),
                "{error}"
            );
        }
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
