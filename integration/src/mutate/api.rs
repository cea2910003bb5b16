//! A real API server that is given definitions without one of their rules.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::programs::Programs;
use super::red::{Red, Tests};
use super::rules;
use crate::cluster::{Cluster, ClusterOptions};
use crate::interrupt::Interrupt;
use crate::tree::Tree;

/// The tests that send bad documents.
const TESTS: &str = "refused::";
/// How long one run of them may take.
const LIMIT: Duration = Duration::from_secs(90);
/// The server serves a changed definition a little later, and nothing says
/// when: until it answers as it should it is asked again, so often, after so
/// long.
const ATTEMPTS: usize = 3;
const PAUSE: Duration = Duration::from_secs(2);

/// The server, and the definitions as they should be.
pub struct Api<'a> {
    cluster: Cluster,
    programs: &'a Programs,
    definitions: BTreeMap<String, Value>,
    dir: PathBuf,
}

impl<'a> Api<'a> {
    /// Starts a control plane, which ends with the returned value.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(tree: &Tree, programs: &'a Programs, interrupt: &Interrupt) -> Result<Self> {
        let options = ClusterOptions {
            name: format!("mutate-{}", std::process::id()),
            node: false,
            images: Vec::new(),
            guests: Vec::new(),
            port: 0,
            program: programs.program("cluster")?.path.clone(),
            cancel: interrupt.flag(),
        };
        Ok(Self {
            cluster: Cluster::attached(&options)?,
            programs,
            definitions: rules::definitions()?,
            dir: tree.scratch("definitions")?,
        })
    }

    /// The message of every rule, and the tests that send a bad document for it.
    /// They are those that say so when no rule is left at all.
    ///
    /// # Errors
    /// When the definitions cannot be installed or the tests say nothing.
    pub fn rules(&self, interrupt: &Interrupt) -> Result<BTreeMap<String, Vec<String>>> {
        let messages = rules::messages(&self.definitions);
        let mut bare = self.definitions.clone();
        for (message, plurals) in &messages {
            for plural in plurals {
                bare.insert(plural.clone(), rules::without(&bare[plural], message));
            }
        }
        self.install(&bare)?;
        interrupt.sleep(PAUSE)?;
        let red = self.run(&[TESTS.to_owned()], interrupt)?;
        let tests = |message: &str| {
            let red = red.iter().filter(|red| because(red, message).is_some());
            red.map(|red| red.test.clone()).collect()
        };
        Ok(messages
            .into_keys()
            .map(|message| (message.clone(), tests(&message)))
            .collect())
    }

    /// The tests that are red although no rule is missing.
    ///
    /// # Errors
    /// As [`Api::rules`].
    pub fn red_with_all(&self, interrupt: &Interrupt) -> Result<Vec<String>> {
        self.install(&self.definitions)?;
        let all = [TESTS.to_owned()];
        let red = self.ask(&all, interrupt, |red| red.is_empty())?;
        Ok(red.into_iter().map(|red| red.test).collect())
    }

    /// Those of `tests` (of all, if there are none) that turn red because the
    /// rule with this message is missing, each with the bad document that was not refused for it.
    ///
    /// # Errors
    /// As [`Api::rules`].
    pub fn red_without(
        &self,
        message: &str,
        tests: &[String],
        interrupt: &Interrupt,
    ) -> Result<Vec<String>> {
        let definitions = self.definitions.iter().map(|(plural, definition)| {
            let changed = rules::without(definition, message);
            (plural.clone(), changed)
        });
        self.install(&definitions.collect())?;
        let filters = match tests {
            [] => vec![TESTS.to_owned()],
            tests => [tests, &["--exact".to_owned()]].concat(),
        };
        let red = self.ask(&filters, interrupt, |red| {
            red.iter().any(|red| because(red, message).is_some())
        })?;
        Ok(red.iter().filter_map(|red| because(red, message)).collect())
    }

    /// Runs the tests until they answer as they should, or often enough.
    fn ask(
        &self,
        filters: &[String],
        interrupt: &Interrupt,
        as_it_should: impl Fn(&[Red]) -> bool,
    ) -> Result<Vec<Red>> {
        for _ in 1..ATTEMPTS {
            let red = self.run(filters, interrupt)?;
            if as_it_should(&red) {
                return Ok(red);
            }
            interrupt.sleep(PAUSE)?;
        }
        self.run(filters, interrupt)
    }

    fn install(&self, definitions: &BTreeMap<String, Value>) -> Result<()> {
        for (plural, definition) in definitions {
            let path = self.dir.join(format!("{plural}.json"));
            fs::write(&path, definition.to_string())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let dir = self.dir.to_string_lossy();
        let apply = ["apply", "--server-side", "--force-conflicts", "-f", &dir];
        self.cluster.kubectl().run(&apply).map(drop)
    }

    fn run(&self, filters: &[String], interrupt: &Interrupt) -> Result<Vec<Red>> {
        let kubeconfig = self.cluster.state().kubeconfig.to_string_lossy();
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let tests = Tests {
            program: self.programs.test("api_types")?,
            filters: filters.to_vec(),
            environment: vec![
                variable("UNSTALL_TEST_KUBECONFIG", &kubeconfig),
                variable("UNSTALL_TEST_CRDS", "keep"),
            ],
            limit: LIMIT,
        };
        tests.red(interrupt)
    }
}

/// The red test and its bad document, if what it says is that the rule with
/// this message did not refuse. The server may still lack the rule that was
/// missing before: a test that is red for that one proves nothing.
fn because(red: &Red, message: &str) -> Option<String> {
    let says = format!("... {message}");
    let (document, _) = red
        .said
        .lines()
        .filter_map(|line| line.trim().split_once(": expected "))
        .find(|(_, expected)| expected.ends_with(&says))?;
    Some(format!("{} ({document})", red.test))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_red_for_another_rule_proves_nothing() {
        let red = Red {
            test: "refused::ledger".to_owned(),
            said: "thread panicked:\n1 of 4 cases:\nledger/other-name: expected metadata.name: ... call it cluster\n    got []\n"
                .to_owned(),
        };
        assert_eq!(
            because(&red, "call it cluster").as_deref(),
            Some("refused::ledger (ledger/other-name)")
        );
        assert_eq!(because(&red, "write a reason"), None);
        assert_eq!(because(&red, "it cluster"), None);
    }
}
