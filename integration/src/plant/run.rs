//! One copy, one build with every fault in it, and a run of the simulator for each.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::faults::{self, Edit, Fault};
use crate::tree::Tree;

/// The environment variable that switches a fault on.
const VARIABLE: &str = "UNSTALL_PLANTED";
/// Without a fault so many worlds pass.
const SOUND: u64 = 40;

/// Plants every fault whose name contains `only`, runs up to so many `seeds` for each, and
/// prints the table.
///
/// # Errors
/// When a fault is not found, or does not fit the code any more.
pub fn run(base: u64, seeds: u64, only: &str) -> Result<()> {
    let chosen: Vec<&Fault> = faults::all()
        .filter(|fault| fault.name.contains(only))
        .collect();
    if chosen.is_empty() {
        let names: Vec<&str> = faults::all().map(|fault| fault.name).collect();
        bail!("no fault has {only:?} in its name:\n{}", names.join("\n"));
    }
    let tree = Tree::copy("plant")?;
    plant(&tree)?;
    let program = build(&tree)?;
    if let Some(found) = simulate(&program, "", base, SOUND)? {
        bail!("without a fault seed {} fails: {}", found.seed, found.rule);
    }
    println!("| fault | found by | seeds needed |\n|---|---|---|");
    let mut missed = Vec::new();
    for fault in chosen {
        let started = Instant::now();
        let found = simulate(&program, fault.name, base, seeds)?;
        let took = started.elapsed().as_secs();
        let text = match &found {
            Some(found) => format!("{} | {}", found.rule, found.seed - base + 1),
            None => format!("**nothing** | more than {seeds}"),
        };
        println!("| {} | {text} |", fault.name);
        eprintln!("{}: {took} s", fault.name);
        if !found.is_some_and(|it| is_expected(fault, &it.rule)) {
            missed.push(fault.name);
        }
    }
    if missed.is_empty() {
        return Ok(());
    }
    bail!(
        "not found, or by another law than expected: {}",
        missed.join("; ")
    )
}

fn is_expected(fault: &Fault, rule: &str) -> bool {
    fault.laws.iter().any(|law| rule.starts_with(law))
}

/// Changes the copy.
fn plant(tree: &Tree) -> Result<()> {
    for fault in faults::all() {
        for Edit { file, old, new } in fault.edits {
            let text = tree.read(file)?;
            let count = text.matches(old).count();
            if count != 1 {
                bail!("{}: {file} has {count} times, not once:\n{old}", fault.name);
            }
            let home = if file.starts_with("controller/src/") {
                "unstall_decide"
            } else {
                "crate"
            };
            let switch = format!("{home}::planted({:?})", fault.name);
            tree.write(file, &text.replace(old, &new.replace("PLANTED", &switch)))?;
        }
    }
    let switch = format!(
        r#"
/// Whether the fault of this name is planted.
#[must_use]
pub fn planted(name: &str) -> bool {{
    static WHICH: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    WHICH.get_or_init(|| std::env::var("{VARIABLE}").unwrap_or_default()) == name
}}
"#
    );
    for lib in ["controller/decide/src/lib.rs", "node-probe/src/lib.rs"] {
        tree.write(lib, &(tree.read(lib)? + &switch))?;
    }
    Ok(())
}

fn build(tree: &Tree) -> Result<PathBuf> {
    let status = Command::new("cargo")
        .current_dir(tree.root())
        .args(["build", "--locked", "--quiet", "--profile", "sim"])
        // One mistake after the other changes one file each.
        .env("CARGO_PROFILE_SIM_INCREMENTAL", "true")
        .env("CARGO_PROFILE_SIM_LTO", "off")
        .args([
            "-p",
            "unstall-integration",
            "--features",
            "sim",
            "--bin",
            "sim",
        ])
        .arg("--target-dir")
        .arg(tree.target())
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!("the copy with its faults cannot be built");
    }
    Ok(tree.target().join("sim/sim"))
}

struct Found {
    seed: u64,
    rule: String,
}

/// The first seed of which a law is broken.
fn simulate(program: &Path, fault: &str, base: u64, seeds: u64) -> Result<Option<Found>> {
    let output = Command::new(program)
        .args(["--base", &base.to_string(), "--seeds", &seeds.to_string()])
        .env(VARIABLE, fault)
        .output()
        .context("cannot run the simulator")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let failed = text.lines().filter_map(|line| {
        let rest = line.strip_prefix("FAILED seed ")?;
        let (seed, rest) = rest.split_once(": ")?;
        let (rule, _) = rest.split_once(" at ")?;
        Some(Found {
            seed: seed.parse().ok()?,
            rule: rule.to_owned(),
        })
    });
    let first = failed.min_by_key(|found| found.seed);
    if first.is_none() && !output.status.success() {
        bail!(
            "{fault}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(first)
}
