//! Which tests a run of a test program turned red.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use super::process::{self, Keep};
use super::programs::Program;
use crate::interrupt::Interrupt;

/// A test that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Red {
    /// The test's name.
    pub test: String,
    /// All it printed.
    pub said: String,
}

/// A run of some tests of a program.
#[derive(Debug)]
pub struct Tests<'a> {
    /// The program.
    pub program: &'a Program,
    /// Tests whose name holds one of these; none means all.
    pub filters: Vec<String>,
    /// What they are told by environment variables.
    pub environment: Vec<(String, String)>,
    /// How long all may take.
    pub limit: Duration,
}

impl Tests<'_> {
    /// Runs the tests and returns those that failed, in order of their names.
    ///
    /// # Errors
    /// When they did not end in time, ran no test, or failed without naming
    /// one: nothing is known then.
    pub fn red(&self, interrupt: &Interrupt) -> Result<Vec<Red>> {
        let mut command = Command::new(&self.program.path);
        command
            .current_dir(&self.program.package)
            .args(&self.filters)
            // What a property's test finds must not be tried by the next run.
            .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1")
            .env("PROPTEST_MAX_SHRINK_ITERS", "0")
            .env("RUST_BACKTRACE", "0")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        let ended = process::run(&mut command, Keep::Both, self.limit, interrupt)?;
        if ended.late {
            bail!("the tests did not end within {:?}", self.limit);
        }
        let red = red(&ended.output);
        if ended.success == red.is_empty() && ran(&ended.output) {
            return Ok(red);
        }
        let tail: Vec<&str> = ended.output.lines().rev().take(12).collect();
        let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
        bail!("the tests said neither yes nor no:\n{tail}")
    }
}

/// Whether the test runner counted at least one test.
fn ran(output: &str) -> bool {
    output
        .lines()
        .filter_map(|line| line.strip_prefix("running "))
        .any(|count| !count.starts_with("0 "))
}

/// The tests that failed, as the test runner lists them with what they printed.
fn red(output: &str) -> Vec<Red> {
    let mut red: Vec<Red> = Vec::new();
    let mut inside = false;
    for line in output.lines() {
        let begins = line
            .strip_prefix("---- ")
            .and_then(|line| line.strip_suffix(" stdout ----"));
        if let Some(test) = begins {
            inside = true;
            red.push(Red {
                test: test.to_owned(),
                said: String::new(),
            });
        } else if line == "failures:" {
            inside = false;
        } else if let (true, Some(last)) = (inside, red.last_mut()) {
            last.said.push_str(line);
            last.said.push('\n');
        }
    }
    red.sort_by(|a, b| a.test.cmp(&b.test));
    red
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
running 3 tests
test b::two ... FAILED
test a::one ... FAILED
test c ... ok

failures:

---- b::two stdout ----
thread 'b::two' panicked at f.rs:1:1:
no

---- a::one stdout ----
yes

failures:
    a::one
    b::two

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn red_tests_are_told_with_what_they_said() {
        let red = red(OUTPUT);
        let names: Vec<_> = red.iter().map(|red| red.test.as_str()).collect();
        assert_eq!(names, ["a::one", "b::two"]);
        assert_eq!(red[0].said.trim(), "yes");
        assert!(red[1].said.contains("panicked") && !red[1].said.contains("yes"));
        assert!(ran(OUTPUT) && !ran("running 0 tests"));
    }

    fn ask(script: &str) -> Result<Vec<Red>> {
        let program = Program {
            path: "/bin/sh".into(),
            package: "/".into(),
        };
        let tests = Tests {
            program: &program,
            filters: vec!["-c".to_owned(), script.to_owned()],
            environment: vec![("OUTPUT".to_owned(), OUTPUT.to_owned())],
            limit: Duration::from_secs(1),
        };
        tests.red(&Interrupt::default())
    }

    #[test]
    fn a_run_that_says_nothing_is_no_answer() {
        assert_eq!(ask("echo \"$OUTPUT\"; exit 101").unwrap().len(), 2);
        assert!(ask("echo 'running 2 tests'").unwrap().is_empty());
        for (script, why) in [
            ("exit 101", "neither yes nor no"),
            ("echo 'running 0 tests'", "neither yes nor no"),
            ("echo 'running 2 tests'; kill -9 $$", "neither yes nor no"),
            ("sleep 60", "did not end within 1s"),
        ] {
            let error = ask(script).unwrap_err().to_string();
            assert!(error.contains(why), "{script}: {error}");
        }
    }
}
