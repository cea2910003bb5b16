//! The independent timing: a C program, built when it is needed.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use unstall_integration::testing::skip;

/// The built program, under a name of the caller's choice; nothing where there is no C compiler.
pub fn build(dir: &Path, name: &str) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/bracket.c");
    let program = dir.join(name);
    let built = Command::new("cc")
        .args(["-O2", "-Wall", "-Werror", "-o"])
        .args([&program, &source])
        .status();
    match built {
        Ok(status) => {
            assert!(status.success(), "bracket.c does not build");
            Some(program)
        }
        Err(error) => {
            skip(&format!("no C compiler (cc: {error}): install gcc"));
            None
        }
    }
}

/// It, waiting for the word to read.
pub struct Bracket {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Bracket {
    pub fn start(program: &Path, file: &Path) -> Self {
        let mut child = Command::new(program)
            .arg(file)
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

    /// The CPU time of one read.
    pub fn read(&mut self) -> Duration {
        self.ask.write_all(b"read\n").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        Duration::from_nanos(line.trim().parse().unwrap())
    }
}

impl Drop for Bracket {
    fn drop(&mut self) {
        // It is ours, and nothing is left of it but its entry.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
