//! How long the `ksoftirqd` threads wait for their CPUs: field 2 of their
//! `/proc/PID/schedstat`.
//!
//! The kernel keeps sums alone, so a wait is told from many short ones by
//! looking often: what one thread waited between two looks a second apart is
//! at least its longest wait in that second, and on a busy node with short
//! waits little more.

use std::path::Path;
use std::time::Duration;

use super::error::SampleError;
use super::file::{Buffer, KeptFile};
use super::process_stat;
use super::roots::Roots;
use super::schedstat;

/// The waits of every `ksoftirqd` thread.
#[derive(Debug)]
pub struct SoftirqdWatch {
    roots: Roots,
    threads: Vec<Thread>,
    worst: Option<Duration>,
}

#[derive(Debug)]
struct Thread {
    schedstat: KeptFile,
    waited: Option<Duration>,
}

impl SoftirqdWatch {
    /// Finds the threads.
    ///
    /// # Errors
    /// [`SampleError`] if procfs cannot be listed, shows no such thread, or the
    /// kernel keeps no scheduling statistics.
    pub fn open(roots: &Roots, buffer: &mut Buffer) -> Result<Self, SampleError> {
        let threads = find(&roots.proc, buffer)?;
        let mut watch = Self {
            roots: roots.clone(),
            threads,
            worst: None,
        };
        watch.look(buffer)?;
        Ok(watch)
    }

    /// Takes in what each thread waited since the last look.
    ///
    /// # Errors
    /// As [`SoftirqdWatch::open`].
    pub fn look(&mut self, buffer: &mut Buffer) -> Result<(), SampleError> {
        for thread in &mut self.threads {
            let waited = match waited(&thread.schedstat, buffer) {
                Ok(waited) => waited,
                // Its CPU went offline; others may have come.
                Err(SampleError::Io { .. }) => {
                    self.threads = find(&self.roots.proc, buffer)?;
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            let before = thread.waited.replace(waited);
            let rise = before.and_then(|before| waited.checked_sub(before));
            self.worst = self.worst.max(rise);
        }
        Ok(())
    }

    /// The longest wait between two looks since this was asked last; `None` if
    /// there were not two.
    pub fn take(&mut self) -> Option<Duration> {
        self.worst.take()
    }
}

fn find(proc: &Path, buffer: &mut Buffer) -> Result<Vec<Thread>, SampleError> {
    let entries = std::fs::read_dir(proc).map_err(|error| SampleError::io(proc, &error))?;
    let mut threads = Vec::new();
    for entry in entries.flatten() {
        let dir = entry.path();
        let is_process = entry.file_name().to_string_lossy().parse::<u32>().is_ok();
        if is_process && is_softirqd(&dir, buffer) {
            // It may have ended since: then there is nothing to open.
            if let Ok(schedstat) = KeptFile::open(dir.join("schedstat")) {
                threads.push(Thread {
                    schedstat,
                    waited: None,
                });
            }
        }
    }
    if threads.is_empty() {
        let why = "no ksoftirqd thread is to be seen: mount the host's procfs there";
        return Err(SampleError::Unusable {
            path: proc.to_owned(),
            why,
        });
    }
    Ok(threads)
}

/// A process may call itself that too, but it cannot have a kernel thread's flag.
/// That it has a program (`exe`) is hidden from a probe that is not root.
fn is_softirqd(dir: &Path, buffer: &mut Buffer) -> bool {
    let read = |name: &str| KeptFile::open(dir.join(name)).ok();
    let is_named = read("comm").is_some_and(|comm| {
        comm.read(buffer)
            .is_ok_and(|rows| rows.lines().next().is_some_and(is_name))
    });
    is_named
        && read("stat").is_some_and(|stat| {
            stat.read(buffer).is_ok_and(|rows| {
                process_stat::parse(rows.bytes()).is_some_and(|s| s.is_kernel_thread)
            })
        })
}

fn is_name(name: &str) -> bool {
    name.starts_with("ksoftirqd/")
}

fn waited(schedstat: &KeptFile, buffer: &mut Buffer) -> Result<Duration, SampleError> {
    schedstat::waited(&schedstat.read(buffer)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The flags of a kernel thread and of a process, as 6.18 prints them.
    const KERNEL_THREAD: u32 = 69_238_848;
    const PROCESS: u32 = 4_194_560;

    fn thread(proc: &Path, pid: u32, comm: &str, schedstat: &str) {
        let dir = proc.join(pid.to_string());
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("comm"), format!("{comm}\n")).unwrap();
        std::fs::write(dir.join("schedstat"), schedstat).unwrap();
        flags(proc, pid, KERNEL_THREAD);
    }

    fn flags(proc: &Path, pid: u32, flags: u32) {
        let rest = "0 0 0 0 0 4 0 0 20 0 1 0 21 0 0";
        let line = format!("{pid} (x) S 2 0 0 0 -1 {flags} {rest}\n");
        std::fs::write(proc.join(pid.to_string()).join("stat"), line).unwrap();
    }

    fn tree() -> (tempfile::TempDir, Roots) {
        let dir = tempfile::tempdir().unwrap();
        let roots = Roots::under(dir.path());
        thread(&roots.proc, 1, "init", "9 9000000000 9\n");
        thread(&roots.proc, 15, "ksoftirqd/0", "900 1000 3\n");
        thread(&roots.proc, 22, "ksoftirqd/1", "900 5000 3\n");
        (dir, roots)
    }

    #[test]
    fn the_worst_wait_of_any_thread_since_it_was_asked_for() {
        let (_dir, roots) = tree();
        let mut buffer = Buffer::default();
        let mut watch = SoftirqdWatch::open(&roots, &mut buffer).unwrap();
        assert_eq!(watch.take(), None, "one look is none");
        thread(&roots.proc, 22, "ksoftirqd/1", "900 95005000 4\n");
        watch.look(&mut buffer).unwrap();
        thread(&roots.proc, 15, "ksoftirqd/0", "900 2000 4\n");
        watch.look(&mut buffer).unwrap();
        assert_eq!(watch.take(), Some(Duration::from_millis(95)));
        assert_eq!(watch.take(), None);
        watch.look(&mut buffer).unwrap();
        assert_eq!(watch.take(), Some(Duration::ZERO));
    }

    #[test]
    fn a_process_that_calls_itself_so_is_none() {
        let (_dir, roots) = tree();
        thread(&roots.proc, 99, "ksoftirqd/9", "900 77 1\n");
        flags(&roots.proc, 99, PROCESS);
        let watch = SoftirqdWatch::open(&roots, &mut Buffer::default()).unwrap();
        assert_eq!(watch.threads.len(), 2);
    }

    #[test]
    fn what_is_not_told_is_an_error_and_not_zero() {
        let (_dir, roots) = tree();
        thread(&roots.proc, 22, "ksoftirqd/1", "0 0 0\n");
        let error = SoftirqdWatch::open(&roots, &mut Buffer::default()).unwrap_err();
        assert!(error.to_string().contains("CONFIG_SCHED_INFO"), "{error}");
        let empty = tempfile::tempdir().unwrap();
        let roots = Roots {
            proc: empty.path().to_owned(),
            ..roots
        };
        let error = SoftirqdWatch::open(&roots, &mut Buffer::default()).unwrap_err();
        assert!(
            error.to_string().contains("mount the host's procfs"),
            "{error}"
        );
    }

    #[test]
    fn this_machine_has_one_per_cpu() {
        let watch = SoftirqdWatch::open(&Roots::under(Path::new("/")), &mut Buffer::default());
        let cpus = std::thread::available_parallelism().unwrap().get();
        assert!(watch.unwrap().threads.len() >= cpus);
    }
}
