//! The whole run: copy, switches, one build, and the tests once per mutant.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use super::api::Api;
use super::programs::{Program, Programs};
use super::red::{Red, Tests};
use super::report::Report;
use super::switches::{Mutant, VARIABLE};
use super::{checks, reasons};
use crate::interrupt::Interrupt;
use crate::tree::Tree;

/// The actuator's verification: its own files, and what the API types check of
/// a command when it is parsed.
const CHECKED: [&str; 4] = [
    "node-probe/src/actuator/verify.rs",
    "node-probe/src/actuator/limit.rs",
    "node-probe/src/actuator/record.rs",
    "crds/src/command.rs",
];
/// The decisions.
const DECIDING: &str = "controller/decide/src";
/// How long the tests may take without one check or reason.
const LIMIT: Duration = Duration::from_mins(2);

/// What is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Group {
    /// Each check of a command by the actuator.
    Checks,
    /// Each reason that a decision can give.
    Reasons,
    /// Each CEL rule of the API types.
    Rules,
}

/// Takes away all that is in these groups, one at a time, and tells which test
/// turns red.
///
/// # Errors
/// When something can be taken away and no test turns red, when the tests are
/// red without it, or when the run cannot go on.
pub fn run(groups: &[Group], interrupt: &Interrupt) -> Result<()> {
    // The report is older than the copy, so that the time holds all.
    let mut report = Report::new();
    let tree = Tree::copy("mutate")?;
    let switched = Switched::put_into(&tree)?;
    interrupt.check()?;
    eprintln!("building a copy of the tree in which each check and reason can be switched off");
    let programs = Programs::build(&tree, interrupt)?;
    for group in groups {
        match group {
            Group::Checks => {
                let suites = [
                    suite(programs.test("node_probe")?, "actuator::"),
                    suite(programs.test("unstall_crds")?, "command::"),
                ];
                each(&switched.checks, "check", &suites, &mut report, interrupt)?;
            }
            Group::Reasons => {
                // The scenarios first: they are quick, and say what is decided.
                let decide = programs.test("decide")?;
                let suites = [suite(decide, "scenarios::"), suite(decide, "")];
                each(&switched.reasons, "reason", &suites, &mut report, interrupt)?;
            }
            Group::Rules => rules(&tree, &programs, &mut report, interrupt)?,
        }
    }
    report.end()
}

/// What got a switch.
struct Switched {
    checks: Vec<Mutant>,
    reasons: Vec<Mutant>,
}

impl Switched {
    fn put_into(tree: &Tree) -> Result<Self> {
        let mut switched = Self {
            checks: Vec::new(),
            reasons: Vec::new(),
        };
        for path in CHECKED {
            let name = path.rsplit('/').next().unwrap_or(path);
            let (text, found) = checks::switch(name, &tree.read(path)?)?;
            if found.is_empty() {
                bail!("{path} checks nothing any more: take it off the list in mutate/run.rs");
            }
            tree.write(path, &text)?;
            switched.checks.extend(found);
        }
        for path in tree.list(DECIDING, ".rs")? {
            let name = path.trim_start_matches(DECIDING).trim_start_matches('/');
            let (text, found) = reasons::switch(name, &tree.read(&path)?)?;
            if !found.is_empty() {
                tree.write(&path, &text)?;
            }
            switched.reasons.extend(found);
        }
        if switched.reasons.is_empty() {
            bail!("{DECIDING} gives no reason any more: see mutate/run.rs");
        }
        Ok(switched)
    }
}

fn suite<'a>(program: &'a Program, filter: &str) -> Tests<'a> {
    Tests {
        program,
        filters: vec![filter.to_owned()],
        environment: Vec::new(),
        limit: LIMIT,
    }
}

fn each(
    mutants: &[Mutant],
    kind: &str,
    suites: &[Tests<'_>],
    report: &mut Report,
    interrupt: &Interrupt,
) -> Result<()> {
    let red = red_in(suites, "none", interrupt)?;
    refuse_red(&red)?;
    for mutant in mutants {
        let red = red_in(suites, &mutant.id, interrupt);
        interrupt.check()?;
        report.row(&format!("{kind:<7} {}", mutant.what), &red);
    }
    Ok(())
}

/// The tests that are red while `off` is switched off; the first suite that has
/// any ends it.
fn red_in(suites: &[Tests<'_>], off: &str, interrupt: &Interrupt) -> Result<Vec<String>> {
    for suite in suites {
        let suite = Tests {
            program: suite.program,
            filters: suite.filters.clone(),
            environment: vec![(VARIABLE.to_owned(), off.to_owned())],
            limit: suite.limit,
        };
        let red = suite.red(interrupt)?;
        if !red.is_empty() {
            return Ok(red.iter().map(named).collect());
        }
    }
    Ok(Vec::new())
}

/// The test, and the scenario in it where it plays many.
fn named(red: &Red) -> String {
    let scenario = red
        .said
        .lines()
        .find_map(|line| line.split_once(".txt: "))
        .map(|(name, _)| format!(" ({name})"));
    format!("{}{}", red.test, scenario.unwrap_or_default())
}

fn rules(
    tree: &Tree,
    programs: &Programs,
    report: &mut Report,
    interrupt: &Interrupt,
) -> Result<()> {
    let api = Api::start(tree, programs, interrupt).context("no API server")?;
    refuse_red(&api.red_with_all(interrupt)?)?;
    let rules = api.rules(interrupt)?;
    // Again, so that the server has every rule before one is missing.
    refuse_red(&api.red_with_all(interrupt)?)?;
    for (message, tests) in rules {
        let red = api.red_without(&message, &tests, interrupt);
        interrupt.check()?;
        report.row(&format!("rule    {message}"), &red);
    }
    Ok(())
}

fn refuse_red(red: &[String]) -> Result<()> {
    if !red.is_empty() {
        bail!(
            "red although nothing was taken away: {}: run `make test` first",
            red.join(", ")
        );
    }
    Ok(())
}
