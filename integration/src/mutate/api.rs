//! A real API server that is given definitions without one of their rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::programs::Programs;
use super::red::{Red, Tests};
use super::rules;
use super::tree::Tree;
use crate::cluster::{Cluster, ClusterOptions};
use crate::interrupt::Interrupt;

/// The tests that send bad documents of a kind.
const TESTS: [(&str, &str); 4] = [
    ("nodehealthpolicies", "refused::policy"),
    ("nodehealths", "refused::node_health"),
    ("noderemediations", "refused::node_remediation"),
    ("disruptionledgers", "refused::ledger"),
];
/// How long one run of them may take.
const LIMIT: Duration = Duration::from_secs(90);
/// The server serves a changed definition a little later, and nothing says
/// when: as long as no test is red it is asked again, so often, after so long.
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

    /// The message of every rule.
    #[must_use]
    pub fn rules(&self) -> Vec<String> {
        rules::messages(&self.definitions).into_keys().collect()
    }

    /// The tests that are red although no rule is missing.
    ///
    /// # Errors
    /// When the definitions cannot be installed or the tests say nothing.
    pub fn red_with_all(&self, interrupt: &Interrupt) -> Result<Vec<String>> {
        self.install(&self.definitions)?;
        let red = self.run(vec!["refused::".to_owned()], interrupt)?;
        Ok(red.into_iter().map(|red| red.test).collect())
    }

    /// The tests that turn red because the rule with this message is missing,
    /// each with the bad document that was not refused for it.
    ///
    /// # Errors
    /// As [`Api::red_with_all`].
    pub fn red_without(&self, message: &str, interrupt: &Interrupt) -> Result<Vec<String>> {
        let mut definitions = self.definitions.clone();
        let mut filters = BTreeSet::new();
        for (plural, definition) in &mut definitions {
            let changed = rules::without(definition, message);
            if changed != *definition {
                *definition = changed;
                let test = TESTS.iter().find(|(of, _)| of == plural);
                filters.insert(test.map_or("refused::", |(_, test)| test).to_owned());
            }
        }
        self.install(&definitions)?;
        for attempt in 1..=ATTEMPTS {
            let red = self.run(filters.iter().cloned().collect(), interrupt)?;
            let because: Vec<String> = red.iter().filter_map(|red| because(red, message)).collect();
            if !because.is_empty() {
                return Ok(because);
            }
            if attempt < ATTEMPTS {
                interrupt.sleep(PAUSE)?;
            }
        }
        Ok(Vec::new())
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

    fn run(&self, filters: Vec<String>, interrupt: &Interrupt) -> Result<Vec<Red>> {
        let kubeconfig = &self.cluster.state().kubeconfig;
        let variable = |name: &str, value: &PathBuf| {
            let value = value.to_string_lossy().into_owned();
            (name.to_owned(), value)
        };
        let tests = Tests {
            program: self.programs.test("api_types")?,
            filters,
            environment: vec![
                variable("UNSTALL_TEST_KUBECONFIG", kubeconfig),
                variable("UNSTALL_TEST_CRDS", &self.dir),
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
    let (document, _) = red
        .said
        .lines()
        .filter_map(|line| line.trim().split_once(": expected "))
        .find(|(_, expected)| expected.ends_with(message))?;
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
    }
}
