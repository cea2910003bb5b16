//! The count of live cgroups against the plain link-count walk in C.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use node_probe::sample::count_directories;

use crate::table::Figures;
use crate::tree::Tree;

const CGROUPS: usize = 10_000;
const PAIRS: u32 = 100;

pub fn run() {
    let Some(tree) = Tree::make(CGROUPS) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let Some(program) = build(dir.path()) else {
        return;
    };
    let mut theirs = Walker::start(&program, tree.root());
    let (mut ours, mut plain) = (Figures::default(), Figures::default());
    for pair in 0..PAIRS {
        // Who goes first changes: the second one finds the inodes warm.
        if pair % 2 == 0 {
            plain.add(theirs.walk());
            ours.add(walk(tree.root()));
        } else {
            ours.add(walk(tree.root()));
            plain.add(theirs.walk());
        }
    }
    ours.row("the probe's walk of 10,000 cgroups, CPU");
    plain.row("the plain walk in C, CPU");
    ours.ratio("ratio", &plain);
}

fn walk(root: &Path) -> Duration {
    let before = cpu();
    let found = count_directories(root).unwrap();
    let took = cpu() - before;
    assert_eq!(found, u64::try_from(CGROUPS).unwrap());
    took
}

fn cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .unwrap()
        .into()
}

fn build(dir: &Path) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/cost/walk.c");
    let program = dir.join("walk");
    let built = Command::new("cc")
        .args(["-O2", "-Wall", "-Werror", "-o"])
        .args([&program, &source])
        .status();
    match built {
        Ok(status) if status.success() => Some(program),
        Ok(status) => {
            println!("not measured: cc ended with {status}");
            None
        }
        Err(error) => {
            println!("not measured: no C compiler (cc: {error})");
            None
        }
    }
}

/// The C program, waiting for the word to walk.
struct Walker {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Walker {
    fn start(program: &Path, root: &Path) -> Self {
        let mut child = Command::new(program)
            .arg(root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let ask = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            ask,
            answers,
        }
    }

    fn walk(&mut self) -> Duration {
        self.ask.write_all(b"walk\n").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let (found, nanos) = line.trim().split_once(' ').unwrap();
        assert_eq!(found.parse(), Ok(CGROUPS), "directories that C found");
        Duration::from_nanos(nanos.parse().unwrap())
    }
}

impl Drop for Walker {
    fn drop(&mut self) {
        // It is ours, and nothing is left of it but its entry.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
