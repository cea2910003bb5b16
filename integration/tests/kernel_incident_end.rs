//! The command `incident` on the running kernel: how it ends, refuses, and cleans up after one that
//! was killed.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

#[path = "kernel_support/turn.rs"]
mod turn;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use turn::{PROGRAM, ready};
use unstall_integration::incident::{Hierarchy, zombies};

/// Small enough to be made in under a second, and reads are then some 50 times slower than at rest.
const ZOMBIES: u32 = 2_000;

/// How long a step of the command may take.
const STEP_WITHIN: Duration = Duration::from_secs(60);

/// A running `incident make`, killed by its number when the test ends early.
struct Maker {
    child: Child,
    events: BufReader<std::process::ChildStdout>,
}

impl Maker {
    fn start(zombies: u32, extra: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args([
                "make",
                "--json",
                "--wait",
                "10m",
                "--zombies",
                &zombies.to_string(),
            ])
            .args(extra)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let events = BufReader::new(child.stdout.take().unwrap());
        Self { child, events }
    }

    /// Reads on to the event of this name.
    fn event(&mut self, name: &str) -> Value {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            if self.events.read_line(&mut line).unwrap() == 0 {
                let mut said = String::new();
                self.child
                    .stderr
                    .take()
                    .unwrap()
                    .read_to_string(&mut said)
                    .unwrap();
                panic!("no event {name}, only {seen:?}, and: {said}");
            }
            seen += &line;
            let event: Value = serde_json::from_str(&line).unwrap();
            if event["event"] == name {
                return event;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill(pid(self.child.id().into()), signal).unwrap();
    }

    fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Maker {
    fn drop(&mut self) {
        // It fails when the maker has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pid(number: u64) -> Pid {
    Pid::from_raw(i32::try_from(number).unwrap())
}

fn incident(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

/// One line on standard error and exit code 1; gives the line.
fn refusal(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "one clear sentence, not: {said}");
    said
}

fn status() -> Value {
    let output = incident(&["status", "--json"]);
    let mut event: Value = serde_json::from_slice(&output.stdout).unwrap();
    event["status"].take()
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + STEP_WITHIN;
    while !is_so() {
        assert!(Instant::now() < until, "waited {STEP_WITHIN:?} for: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether the process still runs; one that nobody waited for yet does not.
fn runs(number: u64) -> bool {
    fs::read_to_string(format!("/proc/{number}/stat")).is_ok_and(|text| {
        text.rsplit_once(") ")
            .is_some_and(|(_, rest)| !rest.starts_with('Z'))
    })
}

fn live_cgroups() -> Vec<PathBuf> {
    Hierarchy::find().unwrap().live_cgroups().unwrap()
}

fn assert_nothing_left(file: &Path, before: u64) {
    assert!(!file.exists(), "{} is left", file.display());
    assert_eq!(live_cgroups(), Vec::<PathBuf>::new());
    let now = zombies::count().unwrap();
    assert!(
        now < before + u64::from(ZOMBIES) / 4,
        "{now} zombies are left, {before} were before"
    );
}

#[test]
fn sigterm_ends_it_and_leaves_nothing() {
    let Some(_turn) = ready() else { return };
    let mut maker = Maker::start(ZOMBIES, &[]);
    let made = maker.event("made");
    let pulser = maker.event("pulsing")["pid"].as_u64().unwrap();
    assert!(runs(pulser));
    let status = status();
    assert_eq!(status["maker"], maker.child.id());
    assert_eq!(status["incident"]["processes"][0], pulser);

    maker.signal(Signal::SIGTERM);
    assert_eq!(maker.event("stopped")["gone"], true);
    assert!(maker.wait().success());
    assert!(!runs(pulser));
    let file = PathBuf::from(made["file"].as_str().unwrap());
    assert_nothing_left(&file, made["before"].as_u64().unwrap());
}

#[test]
fn clean_removes_what_a_killed_maker_left() {
    let Some(_turn) = ready() else { return };
    let state = tempfile::tempdir().unwrap();
    let mut maker = Maker::start(ZOMBIES, &["--state-dir", state.path().to_str().unwrap()]);
    let made = maker.event("made");
    let pulser = maker.event("pulsing")["pid"].as_u64().unwrap();
    // A pulser whose pipe somebody else holds does not notice its maker's death.
    let pipe = format!("/proc/{pulser}/fd/0");
    let _pipe = fs::File::options().write(true).open(pipe).unwrap();
    maker.signal(Signal::SIGKILL);
    maker.wait();
    let file = PathBuf::from(made["file"].as_str().unwrap());
    assert!(
        file.exists() && runs(pulser),
        "a killed maker cleans nothing"
    );

    // The state directory is another one: the lock says where the killed maker had its own.
    let cleaned = incident(&["clean", "--json", "--wait", "10m"]);
    assert!(cleaned.status.success(), "{cleaned:?}");
    let cleaned: Value = serde_json::from_slice(&cleaned.stdout).unwrap();
    println!("{cleaned}");
    assert_eq!(cleaned["removed"]["killed"][0], pulser);
    assert!(!runs(pulser));
    assert_nothing_left(&file, made["before"].as_u64().unwrap());
}

#[test]
fn a_pulser_ends_with_its_killed_maker_and_make_removes_the_rest() {
    let Some(_turn) = ready() else { return };
    let mut killed = Maker::start(ZOMBIES, &[]);
    let made = killed.event("made");
    let pulser = killed.event("pulsing")["pid"].as_u64().unwrap();
    killed.signal(Signal::SIGKILL);
    killed.wait();
    wait_for("the pulser to end by itself", || !runs(pulser));
    let file = PathBuf::from(made["file"].as_str().unwrap());
    assert!(file.exists());

    let mut next = Maker::start(100, &["--no-pulse"]);
    let again = next.event("made");
    assert!(!file.exists(), "the next maker removes {}", file.display());
    let (before, now) = (
        made["before"].as_u64().unwrap(),
        again["before"].as_u64().unwrap(),
    );
    assert!(
        now < before + u64::from(ZOMBIES) / 4,
        "zombies before: {before}, then {now}"
    );
    next.signal(Signal::SIGINT);
    assert!(next.wait().success());
}

#[test]
fn a_leftover_whose_state_is_lost_is_removed_too() {
    let Some(_turn) = ready() else { return };
    let state = tempfile::tempdir().unwrap();
    let mut killed = Maker::start(ZOMBIES, &["--state-dir", state.path().to_str().unwrap()]);
    let made = killed.event("made");
    killed.signal(Signal::SIGKILL);
    killed.wait();
    let file = PathBuf::from(made["file"].as_str().unwrap());
    fs::remove_dir_all(state.path()).unwrap();
    assert_eq!(status()["files"][0], made["file"]);

    assert!(incident(&["clean", "--wait", "10m"]).status.success());
    assert_nothing_left(&file, made["before"].as_u64().unwrap());
}

#[test]
fn a_maker_that_dies_or_is_interrupted_while_making_leaves_nothing() {
    let Some(_turn) = ready() else { return };
    for signal in [Signal::SIGKILL, Signal::SIGINT] {
        let before = zombies::count().unwrap();
        let mut maker = Maker::start(100_000, &[]);
        wait_for("the worker's cgroups", || !live_cgroups().is_empty());
        let file = status()["incident"]["file"].as_str().unwrap().to_owned();
        maker.signal(signal);
        assert!(
            !maker.wait().success(),
            "an interrupted making is no success"
        );
        if signal == Signal::SIGKILL {
            let cleaned = incident(&["clean", "--wait", "10m"]);
            assert!(cleaned.status.success(), "{cleaned:?}");
        }
        assert_nothing_left(Path::new(&file), before);
        let status = status();
        assert!(
            status["incident"].is_null() && status["maker"].is_null(),
            "{status}"
        );
        assert_eq!(status["files"].as_array().unwrap().len(), 0, "{status}");
    }
}

#[test]
fn more_than_memory_holds_is_refused_with_value_and_limit() {
    let Some(_turn) = ready() else { return };
    let said = refusal(&incident(&[
        "make",
        "--wait",
        "10m",
        "--zombies",
        "4000000000",
    ]));
    assert!(said.contains("4000000000 zombies need"), "{said}");
    assert!(said.contains("MemAvailable is"), "{said}");
    assert!(said.contains("ask for at most"), "{said}");
    assert_eq!(live_cgroups(), Vec::<PathBuf>::new());
}

#[test]
fn a_second_command_is_refused_and_told_the_holder() {
    let Some(_turn) = ready() else { return };
    let mut maker = Maker::start(100, &["--no-pulse"]);
    maker.event("made");
    for second in [&["make", "--zombies", "100"][..], &["clean"][..]] {
        let said = refusal(&incident(second));
        assert!(
            said.contains(&format!("made by process {}", maker.child.id())),
            "{said}"
        );
    }
    maker.signal(Signal::SIGTERM);
    assert!(maker.wait().success());
}

#[test]
fn a_wrong_place_or_user_is_one_clear_sentence() {
    let Some(_turn) = ready() else { return };
    let said = refusal(&incident(&[
        "make",
        "--wait",
        "10m",
        "--directory",
        "/proc",
    ]));
    assert!(said.contains("/proc is not on ext4"), "{said}");

    let open = tempfile::tempdir().unwrap();
    fs::set_permissions(open.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = open.path().join("incident");
    fs::copy(PROGRAM, &copy).unwrap();
    let output = Command::new(copy).arg("make").uid(65_534).output().unwrap();
    let said = refusal(&output);
    assert!(
        said.contains("needs root, and this process runs as uid 65534"),
        "{said}"
    );
}

#[test]
fn a_hierarchy_that_is_absent_or_read_only_is_one_clear_sentence() {
    let Some(_turn) = ready() else { return };
    let root = Hierarchy::find().unwrap().root;
    let in_a_namespace = |change: &str| {
        let script = format!("{change} \"$1\" && exec \"$2\" make --zombies 100");
        let arguments = ["--mount", "sh", "-c", &script, "sh"];
        Command::new("unshare")
            .args(arguments)
            .arg(&root)
            .arg(PROGRAM)
            .output()
            .unwrap()
    };
    let said = refusal(&in_a_namespace("mount -o remount,bind,ro"));
    assert!(
        said.contains("cannot be written: remount it read-write"),
        "{said}"
    );
    let said = refusal(&in_a_namespace("umount -l"));
    assert!(
        said.contains("no memory cgroup hierarchy is mounted here"),
        "{said}"
    );
}
