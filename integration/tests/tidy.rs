//! The style rules that a machine can check. Each failure names the file and
//! what to do.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const MAP_LINES_MAX: usize = 90;
const PURE_ATTRIBUTE: &str = "deny(clippy::disallowed_methods, clippy::disallowed_types)";
/// Folders that are pure as a whole: their root carries the attribute.
const PURE_ROOTS: [&str; 2] = [
    "controller/decide/src/lib.rs",
    "node-probe/src/judge/mod.rs",
];
/// What the decisions may never reach: clients, async, clocks of others,
/// randomness.
const DECIDE_NEVER: [&str; 12] = [
    "tokio",
    "hyper",
    "kube-client",
    "kube-runtime",
    "tower",
    "reqwest",
    "futures",
    "async-trait",
    "rand",
    "getrandom",
    "chrono",
    "zbus",
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn tracked(endings: &[&str]) -> Vec<(String, String)> {
    let output = Command::new("git")
        .current_dir(workspace())
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .output()
        .unwrap();
    assert!(output.status.success(), "this test needs the git checkout");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter(|name| endings.iter().any(|ending| name.ends_with(ending)))
        .filter_map(|name| {
            Some((
                name.to_owned(),
                std::fs::read_to_string(workspace().join(name)).ok()?,
            ))
        })
        .collect()
}

fn refuse(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn no_file_outgrows_its_room() {
    refuse(
        tracked(&[
            ".rs", ".go", ".sh", ".tpl", "Makefile", ".ci/run", ".ci/test",
        ])
        .iter()
        .filter(|(_, text)| text.lines().count() > FILE_LINES_MAX)
        .map(|(name, text)| {
            format!(
                "{name}: {} lines; split it by topic ({FILE_LINES_MAX} at most)",
                text.lines().count()
            )
        })
        .collect(),
    );
}

#[test]
fn no_function_outgrows_a_screen() {
    let mut broken = Vec::new();
    for (name, text) in tracked(&[".rs"]) {
        for (line, length) in long_functions(&text) {
            broken.push(format!(
                "{name}:{line}: a function of {length} lines ({FUNCTION_LINES_MAX} at most)"
            ));
        }
    }
    refuse(broken);
}

/// The line and length of every function over the limit, in code as rustfmt
/// lays it out: a function ends at the brace in its own column.
fn long_functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut long = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let words = [
            "pub",
            "pub(crate)",
            "pub(super)",
            "const",
            "unsafe",
            "async",
        ];
        let is_function = code
            .split_whitespace()
            .find(|word| !words.contains(word))
            .is_some_and(|word| word == "fn");
        if !is_function || code.starts_with("//") {
            continue;
        }
        let end = format!("{}}}", &line[..line.len() - code.len()]);
        if let Some(length) = lines[start..].iter().position(|line| *line == end)
            && length + 1 > FUNCTION_LINES_MAX
        {
            long.push((start + 1, length + 1));
        }
    }
    long
}

#[test]
fn the_function_rule_sees_a_long_function() {
    let body = "    x();\n".repeat(FUNCTION_LINES_MAX);
    assert_eq!(
        long_functions(&format!("pub async fn f() {{\n{body}}}\n")),
        [(1, FUNCTION_LINES_MAX + 2)]
    );
    assert!(long_functions("fn f() {\n    x();\n}\n").is_empty());
}

#[test]
fn a_mod_rs_is_a_map() {
    refuse(
        tracked(&["mod.rs"])
            .iter()
            .filter(|(name, text)| {
                !name.contains("/tests/")
                    && (text.lines().count() > MAP_LINES_MAX
                        || text.lines().any(|l| l.trim_start().starts_with("fn ")))
            })
            .map(|(name, _)| format!("{name}: a map holds no code; move it to a file of its own"))
            .collect(),
    );
}

#[test]
fn pure_code_cannot_read_clocks() {
    let sources = tracked(&[".rs"]);
    let mut broken: Vec<String> = PURE_ROOTS
        .iter()
        .filter(|root| {
            !sources
                .iter()
                .any(|(name, text)| name == *root && text.contains(PURE_ATTRIBUTE))
        })
        .map(|root| format!("{root}: lacks #![{PURE_ATTRIBUTE}]"))
        .collect();
    for (name, text) in &sources {
        let below_a_root = PURE_ROOTS
            .iter()
            .filter_map(|root| Path::new(root).parent())
            .any(|folder| Path::new(name).starts_with(folder));
        let says_pure = text
            .lines()
            .take_while(|l| l.starts_with("//!"))
            .any(|l| l.contains("(pure)"));
        if says_pure && !below_a_root && !text.contains(PURE_ATTRIBUTE) {
            broken.push(format!(
                "{name}: says (pure) and lacks #![{PURE_ATTRIBUTE}]"
            ));
        }
    }
    refuse(broken);
}

#[test]
fn decide_reaches_no_client_no_async_and_no_randomness() {
    let output = Command::new(env!("CARGO"))
        .current_dir(workspace())
        .args([
            "tree",
            "--package",
            "unstall-decide",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--locked",
        ])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let tree = String::from_utf8(output.stdout).unwrap();
    let names: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(
        names.contains(&"unstall-crds"),
        "the tree was not read:\n{tree}"
    );
    refuse(
        DECIDE_NEVER
            .iter()
            .filter(|never| names.iter().any(|name| name == *never))
            .map(|never| format!("unstall-decide depends on {never}: decisions are pure"))
            .collect(),
    );
}

#[test]
fn nothing_is_left_open() {
    // Split, so that this file does not find itself.
    let marks = [
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("FIX", "ME"),
        concat!("#[ig", "nore"),
    ];
    let mut broken = Vec::new();
    for (name, text) in tracked(&[
        ".rs", ".go", ".sh", ".yaml", "Makefile", ".ci/run", ".ci/test",
    ]) {
        for (number, line) in text.lines().enumerate() {
            if let Some(mark) = marks.iter().find(|mark| line.contains(*mark)) {
                broken.push(format!("{name}:{}: {mark} is left", number + 1));
            }
        }
    }
    refuse(broken);
}

#[test]
fn test_files_say_what_is_real_in_them() {
    let levels = ["api_", "kernel_", "host_", "vm_", "fleet_", "sim_", "tidy"];
    refuse(
        tracked(&[".rs"])
            .iter()
            .filter_map(|(name, _)| name.strip_prefix("integration/tests/"))
            .filter(|file| {
                !file.contains('/') && !levels.iter().any(|level| file.starts_with(level))
            })
            .map(|file| format!("integration/tests/{file}: its name starts with one of {levels:?}"))
            .collect(),
    );
}
