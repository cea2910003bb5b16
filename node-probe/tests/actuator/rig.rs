//! A running actuator: the real binary on a directory of its own, with a pipe in place of
//! `drop_caches` and a small tree in place of `/proc`.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use node_probe::actuator::{ActuatorClient, CommandOutcome};
use ring::signature::{Ed25519KeyPair, KeyPair};
use tempfile::TempDir;
use unstall_crds::command::{
    CommandAction, CommandPayload, DropLevel, SIGNATURE_BYTES, SignedCommand,
};
use unstall_crds::health::CommandState;

pub const NODE: &str = "node-7";
pub const UID: &str = "0b6c5a3e-6a0e-4d83-8f2e-0a4f7d1f6a11";
pub const BOOT: &str = "5d7c8a52-2c1c-4c7c-9d7a-6a2b7f0f7c11";

/// The machine's own sync of all its disks is part of each command.
const LONG: Duration = Duration::from_mins(2);

/// The directories; they outlive the process, as on a host.
pub struct Rig {
    dir: TempDir,
    actuator: Option<Child>,
}

/// What the tests need and may lack. The reason goes to the terminal, and under CI into a failure.
pub fn lacking() -> bool {
    if nix::unistd::geteuid().is_root() {
        return false;
    }
    let why = "skipped: the actuator empties its bounding set, which takes root";
    assert!(std::env::var_os("CI").is_none(), "{why}");
    println!("{why}");
    true
}

pub fn key(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

/// A command for this node that expires in two minutes.
pub fn payload(id: &str) -> CommandPayload {
    let now = Timestamp::now();
    CommandPayload {
        id: id.to_owned(),
        epoch: 5,
        action: CommandAction::DropCaches,
        level: Some(DropLevel::Auto),
        node_name: NODE.to_owned(),
        node_uid: UID.to_owned(),
        expect_boot_id: BOOT.to_owned(),
        issued_at: Time(now - SignedDuration::from_secs(1)),
        expires_at: Time(now + SignedDuration::from_mins(2)),
    }
}

pub fn sign(payload: &CommandPayload, key: &Ed25519KeyPair) -> SignedCommand {
    let text = payload.encode().unwrap();
    let signature: [u8; SIGNATURE_BYTES] = key.sign(text.as_bytes()).as_ref().try_into().unwrap();
    SignedCommand::new(text, &signature)
}

impl Rig {
    /// The directories, with the public key of `key(1)` and 20,018 memory cgroups.
    pub fn new() -> Self {
        let rig = Self {
            dir: tempfile::tempdir().unwrap(),
            actuator: None,
        };
        let random = rig.path("root/proc/sys/kernel/random");
        for dir in [&random, &rig.path("keys"), &rig.path("journal")] {
            fs::create_dir_all(dir).unwrap();
        }
        rig.boot(BOOT);
        fs::write(rig.path("root/proc/sys/kernel/osrelease"), "6.18.44\n").unwrap();
        fs::write(
            rig.path("root/proc/meminfo"),
            "Cached:          2000 kB\nSReclaimable:     48 kB\n",
        )
        .unwrap();
        rig.set_cgroups(20_018);
        rig.trust(&key(1));
        mkfifo(&rig.path("drop_caches"), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        rig
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn journal(&self) -> String {
        fs::read_to_string(self.path("journal/journal.json")).unwrap()
    }

    /// Makes `key` the only trusted one.
    pub fn trust(&self, key: &Ed25519KeyPair) {
        fs::write(
            self.path("keys/current.pub"),
            STANDARD.encode(key.public_key()),
        )
        .unwrap();
    }

    /// From now on this is boot `id`.
    pub fn boot(&self, id: &str) {
        let path = self.path("root/proc/sys/kernel/random/boot_id");
        fs::write(path, format!("{id}\n")).unwrap();
    }

    fn set_cgroups(&self, count: u64) {
        set_cgroups(self.dir.path(), count);
    }

    /// The kernel's part: whatever is written to `drop_caches` comes out of the receiver, and
    /// leaves the next of `counts`, or the last of them, behind.
    pub fn kernel(&self, counts: &'static [u64]) -> Receiver<String> {
        self.answer("drop_caches", counts, set_cgroups)
    }

    /// The same for `memory.reclaim`, which leaves zombies behind.
    pub fn reclaiming_kernel(&self, zombies: &'static [u64]) -> Receiver<String> {
        mkfifo(&self.path("memory.reclaim"), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        self.answer("memory.reclaim", zombies, set_zombies)
    }

    /// What the root's `cgroup.stat` says.
    pub fn set_zombies(&self, count: u64) {
        set_zombies(self.dir.path(), count);
    }

    fn answer(&self, name: &str, counts: &'static [u64], set: fn(&Path, u64)) -> Receiver<String> {
        let (sender, receiver) = channel();
        let root = self.dir.path().to_owned();
        // Open for both: neither side then waits for the other, and there is no end of file.
        let pipe = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(root.join(name))
            .unwrap();
        thread::spawn(move || {
            for (index, line) in BufReader::new(pipe).lines().enumerate() {
                if let Some(count) = counts.get(index) {
                    set(&root, *count);
                }
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        receiver
    }

    /// A kernel that never returns from a write: the pipe is full and nobody reads it.
    pub fn hanging_kernel(&self) -> fs::File {
        self.full_pipe("drop_caches")
    }

    /// The pipe `name`, full.
    pub fn full_pipe(&self, name: &str) -> fs::File {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        let mut pipe = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(nix::libc::O_NONBLOCK)
            .open(self.path(name))
            .unwrap();
        while pipe.write(&[b'x'; 4096]).is_ok() {}
        while pipe.write(b"x").is_ok() {}
        pipe
    }

    /// Starts the real binary for callers of this test's user and waits until it listens.
    pub fn start(&mut self, extra: &[&str]) {
        self.start_for_uid(&nix::unistd::geteuid().to_string(), extra);
    }

    /// Starts it for callers of another user.
    pub fn start_for_uid(&mut self, uid: &str, extra: &[&str]) {
        let mut command = self.command(extra);
        let child = command
            .args(["--probe-uid", uid])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        self.actuator = Some(child);
        let started = Instant::now();
        while UnixStream::connect(self.path("actuator.sock")).is_err() {
            assert!(started.elapsed() < LONG, "it does not listen");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The command line on these directories.
    pub fn command(&self, extra: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_node-probe"));
        command.arg("actuate").args(["--node-name", NODE]);
        for (flag, name) in [
            ("--socket", "actuator.sock"),
            ("--journal-dir", "journal"),
            ("--keys-dir", "keys"),
            ("--drop-caches-file", "drop_caches"),
            ("--root", "root"),
        ] {
            command.arg(flag).arg(self.path(name));
        }
        command.args(extra);
        command
    }

    pub fn pid(&self) -> u32 {
        self.actuator.as_ref().unwrap().id()
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.pid().try_into().unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Waits for the process to end, and returns what it logged.
    pub fn wait(&mut self) -> (ExitStatus, String) {
        let mut child = self.actuator.take().unwrap();
        let mut log = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut log)
            .unwrap();
        let status = child.wait().unwrap();
        fs::remove_file(self.path("actuator.sock")).unwrap();
        (status, log)
    }

    /// Kills the process alone: what it forked may go on and hold its standard error open.
    pub fn kill(&mut self) {
        let mut child = self.actuator.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        fs::remove_file(self.path("actuator.sock")).unwrap();
    }

    pub fn client(&self) -> ActuatorClient {
        ActuatorClient::new(&self.path("actuator.sock"), LONG)
    }

    pub fn execute(&self, payload: &CommandPayload) -> CommandOutcome {
        self.client().execute(&sign(payload, &key(1))).unwrap()
    }

    /// The command's end.
    pub fn end_of(&self, id: &str) -> CommandOutcome {
        let started = Instant::now();
        loop {
            let outcome = self.client().status(id).unwrap().unwrap();
            if outcome.state != CommandState::Accepted {
                return outcome;
            }
            assert!(started.elapsed() < LONG, "{outcome:?}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the actuator has a child: it acts. Returns its pid.
    pub fn wait_for_child(&self) -> u32 {
        let path = format!("/proc/{}/task", self.pid());
        let started = Instant::now();
        loop {
            if let Some(pid) = child(Path::new(&path)) {
                return pid;
            }
            assert!(started.elapsed() < LONG, "it starts no child");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the actuator's child waits in the pipe: until then it may be the one that syncs.
    pub fn wait_for_writer(&self) -> u32 {
        let started = Instant::now();
        loop {
            let pid = self.wait_for_child();
            let call = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
            let write = nix::libc::SYS_write.to_string();
            if call.split_whitespace().next() == Some(write.as_str()) {
                return pid;
            }
            assert!(started.elapsed() < LONG, "its child does not write: {call}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(mut child) = self.actuator.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Replaced whole, as the kernel shows it whole.
fn set_cgroups(dir: &Path, count: u64) {
    let text = format!("#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t4\t{count}\t1\n");
    fs::write(dir.join("cgroups.new"), text).unwrap();
    fs::rename(dir.join("cgroups.new"), dir.join("root/proc/cgroups")).unwrap();
}

/// As version 2 tells it, before 6.12. Written in place, as the actuator keeps the file open, and
/// always of one length, so that no read sees it cut.
fn set_zombies(dir: &Path, count: u64) {
    let text = format!("nr_descendants 40\nnr_dying_descendants {count:>8}\n");
    let file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(dir.join("cgroup.stat"))
        .unwrap();
    file.write_all_at(text.as_bytes(), 0).unwrap();
}

fn child(tasks: &Path) -> Option<u32> {
    fs::read_dir(tasks).unwrap().find_map(|task| {
        let children = fs::read_to_string(task.unwrap().path().join("children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    })
}
