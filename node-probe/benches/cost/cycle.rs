//! A cycle without a walk against the system calls that it cannot do without.
//!
//! Version 2 needs no walk. On a machine with memory on version 1 a tree of
//! links to its kernel files is laid out as version 2 is, so that every read of
//! either side is of a real kernel file.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use node_probe::judge::Judge;
use node_probe::sample::{Buffer, Hierarchy, MemoryRoot, Observer, Roots};
use rustix::io::pread;

use crate::table::Figures;

const PAIRS: u32 = 20_000;
const COLD_PAIRS: u32 = 300;
/// Long enough for others to use the caches.
const COLD: Duration = Duration::from_millis(20);

pub fn run() {
    let dir = tempfile::tempdir().unwrap();
    let Some(files) = Files::of_this_machine(dir.path()) else {
        return;
    };
    let mut observer = Observer::open(files.roots());
    let seen = observer.observe();
    if let Some(error) = [seen.root.err(), seen.leaf.err(), seen.zombies.err()]
        .into_iter()
        .flatten()
        .next()
    {
        println!("not measured: {error}");
        return;
    }
    let mut judge = Judge::default();
    let mut bare = Bare::open(&files);
    println!("system calls that it needs: {}", bare.calls());
    for (name, pairs, pause) in [
        ("in a row", PAIRS, None),
        ("20 ms apart", COLD_PAIRS, Some(COLD)),
    ] {
        let [mut cycle, mut judged, mut least] =
            [const { None::<()> }; 3].map(|_| Figures::default());
        for pair in 0..pairs {
            let mut ours = || {
                pause.inspect(|pause| std::thread::sleep(*pause));
                let began = now();
                let observation = observer.observe();
                cycle.add(now() - began);
                judge.observe(&observation);
                judged.add(now() - began);
            };
            let mut theirs = || {
                pause.inspect(|pause| std::thread::sleep(*pause));
                let began = now();
                bare.cycle();
                least.add(now() - began);
            };
            if pair % 2 == 0 {
                ours();
                theirs();
            } else {
                theirs();
                ours();
            }
        }
        cycle.row(&format!("cycle, {name}"));
        judged.row("  the same and its judgement");
        least.row("  its bare system calls");
        cycle.ratio("  cycle to bare", &least);
        judged.ratio("  cycle and judgement to bare", &least);
    }
}

fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap().into()
}

/// Where the two sides read.
struct Files {
    cgroup: PathBuf,
    own: PathBuf,
}

impl Files {
    fn of_this_machine(dir: &Path) -> Option<Self> {
        let real = Path::new("/sys/fs/cgroup");
        let memory = match MemoryRoot::discover(real, &mut Buffer::default()) {
            Ok(memory) => memory,
            Err(error) => {
                println!("not measured: {error}");
                return None;
            }
        };
        let leaf = Observer::open(Roots::under(Path::new("/")));
        let Ok(leaf) = leaf.leaf() else {
            println!("not measured: no leaf cgroup");
            return None;
        };
        let files = Self {
            cgroup: dir.join("cgroup"),
            own: dir.join("own"),
        };
        fs::create_dir_all(&files.cgroup).unwrap();
        fs::create_dir_all(&files.own).unwrap();
        let (unified, cpu) = match memory.hierarchy {
            Hierarchy::V1 => (real.join("unified"), real.join("cpu/cpu.stat")),
            Hierarchy::V2 => (real.to_owned(), leaf.with_file_name("cpu.stat")),
        };
        fs::write(files.cgroup.join("cgroup.controllers"), "memory\n").unwrap();
        for (target, link) in [
            (memory.stat(), files.cgroup.join("memory.stat")),
            (
                unified.join("cgroup.stat"),
                files.cgroup.join("cgroup.stat"),
            ),
            (leaf.to_owned(), files.own.join("memory.stat")),
            (cpu, files.own.join("cpu.stat")),
        ] {
            symlink(target, link).unwrap();
        }
        Some(files)
    }

    fn roots(&self) -> Roots {
        Roots {
            proc: PathBuf::from("/proc"),
            cgroup: self.cgroup.clone(),
            own_cgroup: Some(self.own.clone()),
        }
    }
}

/// The least that a cycle must ask the kernel.
struct Bare {
    zombies: File,
    throttling: File,
    stat: File,
    schedstat: File,
    root: File,
    leaf: File,
    softirqds: Vec<File>,
    softnet: File,
    pressures: Vec<File>,
    buffer: Vec<u8>,
}

impl Bare {
    fn open(files: &Files) -> Self {
        let open = |path: PathBuf| {
            let named = |error| format!("{}: {error}", path.display());
            File::open(&path).map_err(named).unwrap()
        };
        let proc = |name: &str| open(Path::new("/proc").join(name));
        let pressures = ["memory", "irq"].map(|name| Path::new("/proc/pressure").join(name));
        Self {
            zombies: open(files.cgroup.join("cgroup.stat")),
            throttling: open(files.own.join("cpu.stat")),
            stat: proc("stat"),
            schedstat: proc("thread-self/schedstat"),
            root: open(files.cgroup.join("memory.stat")),
            leaf: open(files.own.join("memory.stat")),
            softirqds: softirqds().into_iter().map(open).collect(),
            softnet: proc("1/net/softnet_stat"),
            pressures: pressures
                .into_iter()
                .filter(|path| path.exists())
                .map(open)
                .collect(),
            buffer: vec![0; 64 * 1024],
        }
    }

    fn calls(&self) -> String {
        format!(
            "6 of the thread's CPU clock, preads of cgroup.stat, 2 of cpu.stat, 2 of /proc/stat, 3 of schedstat, \
             memory.stat of root and leaf, {} ksoftirqd, softnet_stat, {} of pressure",
            self.softirqds.len(),
            self.pressures.len()
        )
    }

    fn cycle(&mut self) {
        let buffer = &mut self.buffer;
        let cpu = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
        let mut read = |file: &File| _ = pread(file, &mut buffer[..], 0).unwrap();
        let clocks = [ClockId::CLOCK_MONOTONIC, ClockId::CLOCK_BOOTTIME];
        std::hint::black_box(clocks.map(|clock| clock_gettime(clock).unwrap()));
        std::hint::black_box(cpu());
        read(&self.zombies);
        read(&self.throttling);
        read(&self.stat);
        read(&self.schedstat);
        for timed in [&self.root, &self.leaf] {
            std::hint::black_box((cpu(), now()));
            read(timed);
            std::hint::black_box((cpu(), now()));
            read(&self.schedstat);
        }
        read(&self.throttling);
        read(&self.stat);
        self.softirqds.iter().for_each(&mut read);
        read(&self.softnet);
        self.pressures.iter().for_each(&mut read);
        std::hint::black_box(cpu());
    }
}

fn softirqds() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let comm = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if comm.starts_with("ksoftirqd/") {
            found.push(entry.path().join("schedstat"));
        }
    }
    found
}
