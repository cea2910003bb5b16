//! Loads that must not be taken for a stall. Each ends when it is dropped.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use unstall_integration::incident;

/// What keeps the machine busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    Nothing,
    CpuHogs,
    FifoHog,
    IoHog,
    ForkStorm,
    LiveCgroups,
    CgroupChurn,
    Build,
}

impl Load {
    pub const ALL: [Self; 8] = [
        Self::Nothing,
        Self::CpuHogs,
        Self::FifoHog,
        Self::IoHog,
        Self::ForkStorm,
        Self::LiveCgroups,
        Self::CgroupChurn,
        Self::Build,
    ];
}

/// A load at work.
pub struct Running {
    children: Vec<Child>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    live: Vec<PathBuf>,
    scratch: tempfile::TempDir,
}

/// As many as the machine of CI has CPUs, and one more.
const HOGS: usize = 3;
const LIVE: usize = 10_000;
/// 50 cgroups per second.
const CHURN_EVERY: Duration = Duration::from_millis(20);

impl Running {
    pub fn start(load: Load) -> Self {
        let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut running = Self {
            children: Vec::new(),
            stop: Arc::default(),
            threads: Vec::new(),
            live: Vec::new(),
            scratch,
        };
        running.begin(load);
        running
    }

    fn begin(&mut self, load: Load) {
        let file = self.scratch.path().join("written");
        match load {
            Load::Nothing => {}
            Load::CpuHogs => (0..HOGS).for_each(|_| self.shell("while :; do :; done")),
            Load::FifoHog => self.child(Command::new("chrt").args([
                "-f",
                "50",
                "sh",
                "-c",
                "while :; do :; done",
            ])),
            Load::IoHog => self.shell(&format!(
                "while :; do dd if=/dev/zero of={} bs=1M count=200 conv=fsync status=none; done",
                file.display()
            )),
            // One after another: a bounded storm.
            Load::ForkStorm => self.shell("while :; do /bin/true; done"),
            Load::LiveCgroups => self.make_live(),
            Load::CgroupChurn => self.churn(),
            Load::Build => self.build(),
        }
    }

    fn shell(&mut self, script: &str) {
        self.child(Command::new("sh").args(["-c", script]));
    }

    fn child(&mut self, command: &mut Command) {
        use std::os::unix::process::CommandExt;
        self.children
            .push(command.process_group(0).spawn().unwrap());
    }

    fn make_live(&mut self) {
        let root = memory_root();
        for index in 0..LIVE {
            let dir = root.join(format!("unstall-live-{index}"));
            // A run that was killed may have left it.
            fs::create_dir_all(&dir).unwrap();
            self.live.push(dir);
        }
    }

    /// Makes and removes cgroups in which a process lived.
    fn churn(&mut self) {
        let stop = Arc::clone(&self.stop);
        let dir = memory_root().join("unstall-churn");
        self.threads.push(spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                fs::create_dir(&dir).unwrap();
                let script = format!("echo 0 >{}/cgroup.procs; :", dir.display());
                let _ = Command::new("sh").args(["-c", &script]).status();
                while fs::remove_dir(&dir).is_err() && dir.exists() {
                    sleep(Duration::from_millis(1));
                }
                sleep(CHURN_EVERY);
            }
        }));
    }

    /// The compiler, again and again, on everything it can be given here.
    fn build(&mut self) {
        let source = self.scratch.path().join("big.c");
        let functions = (0..3_000).map(|n| {
            format!("int f{n}(int a) {{ for (int i = 0; i < a; i++) a ^= i * {n}; return a; }}\n")
        });
        fs::write(&source, functions.collect::<String>()).unwrap();
        for _ in 0..2 {
            let source = source.display();
            self.shell(&format!(
                "while :; do cc -O2 -c -o /dev/null {source}; done"
            ));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for child in &mut self.children {
            // A group of its own: what the shell started ends with it.
            let group = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
            let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
            let _ = child.wait();
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        for dir in &self.live {
            let _ = fs::remove_dir(dir);
        }
    }
}

fn memory_root() -> PathBuf {
    incident::check().unwrap().root
}
