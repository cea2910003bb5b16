//! The copy's test programs: one build, with every switch in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::process::{self, Keep};
use crate::interrupt::Interrupt;
use crate::tree::Tree;

/// What is built: the packages whose tests turn red, and the targets in them.
const WHAT: [&str; 10] = [
    "--package=unstall-crds",
    "--package=node-probe",
    "--package=unstall-decide",
    "--package=unstall-integration",
    "--lib",
    "--test=decide",
    "--test=api_types",
    "--locked",
    "--no-run",
    "--message-format=json-render-diagnostics",
];
/// For a first build on two slow cores.
const LIMIT: Duration = Duration::from_mins(40);

/// The programs that were built.
#[derive(Debug)]
pub struct Programs {
    found: BTreeMap<(String, bool), Program>,
}

/// A program, and the package it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The executable.
    pub path: PathBuf,
    /// The directory of its package, in which its tests run.
    pub package: PathBuf,
}

impl Programs {
    /// Builds them; cargo shows its progress.
    ///
    /// # Errors
    /// When the copy does not build, or somebody interrupts.
    pub fn build(tree: &Tree, interrupt: &Interrupt) -> Result<Self> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // What `cargo run` tells the program it runs would make build scripts
        // run again.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("CARGO_") && name != "CARGO_HOME" {
                cargo.env_remove(&*name);
            }
        }
        cargo
            .current_dir(tree.root())
            .env("CARGO_TARGET_DIR", tree.target())
            // The switches are no code that a lint would like.
            .env("RUSTFLAGS", "--cap-lints=allow")
            .arg("test")
            .args(WHAT);
        let ended = process::run(&mut cargo, Keep::Output, LIMIT, interrupt)?;
        if ended.late {
            bail!("the build took more than {LIMIT:?}");
        }
        if !ended.success {
            bail!("the copy with its switches does not build: see cargo's message above");
        }
        Ok(Self {
            found: executables(&ended.output),
        })
    }

    /// The test program called `name`: that of a library has its name.
    ///
    /// # Errors
    /// When it was not built.
    pub fn test(&self, name: &str) -> Result<&Program> {
        self.get(name, true)
    }

    /// The program called `name`.
    ///
    /// # Errors
    /// When it was not built.
    pub fn program(&self, name: &str) -> Result<&Program> {
        self.get(name, false)
    }

    fn get(&self, name: &str, is_test: bool) -> Result<&Program> {
        let program = self.found.get(&(name.to_owned(), is_test));
        program.with_context(|| format!("cargo built no program {name}"))
    }
}

/// The executables that cargo's messages name.
fn executables(messages: &str) -> BTreeMap<(String, bool), Program> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| {
            let path = PathBuf::from(message["executable"].as_str()?);
            let package = Path::new(message["manifest_path"].as_str()?).parent()?;
            let name = message["target"]["name"].as_str()?.to_owned();
            let is_test = message["profile"]["test"].as_bool()?;
            let package = package.to_owned();
            Some(((name, is_test), Program { path, package }))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_found_among_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","manifest_path":"/w/decide/Cargo.toml","target":{"name":"decide"},"profile":{"test":true},"executable":"/t/decide-1"}
{"reason":"compiler-artifact","manifest_path":"/w/decide/Cargo.toml","target":{"name":"other"},"profile":{"test":false},"executable":null}
{"reason":"build-finished","success":true}
"#;
        let program = Program {
            path: "/t/decide-1".into(),
            package: "/w/decide".into(),
        };
        assert_eq!(
            executables(messages),
            BTreeMap::from([(("decide".to_owned(), true), program)])
        );
    }
}
