//! The metrics page of the running probe, by what promtool checks pages with.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use unstall_integration::cluster::ensure;
use unstall_integration::testing::skip;

use crate::node::Node;

const DOCUMENT: &str = include_str!("../../../docs/metrics.md");

/// The page as Prometheus' older text format, which is all that promlint reads: there the names of
/// counters and infos carry their suffix, an info is a gauge, and there are no units.
fn as_text(page: &str) -> String {
    let mut suffixes = Vec::new();
    for line in page.lines() {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["#", "TYPE", name, "counter"] => suffixes.push((name, "_total")),
            ["#", "TYPE", name, "info"] => suffixes.push((name, "_info")),
            _ => {}
        }
    }
    let mut text = String::new();
    for line in page.lines().filter(|line| !line.starts_with("# UNIT")) {
        let renamed = suffixes.iter().find_map(|(name, suffix)| {
            let (start, rest) = line.split_once(&format!(" {name} "))?;
            let rest = if rest == "info" { "gauge" } else { rest };
            line.starts_with('#')
                .then(|| format!("{start} {name}{suffix} {rest}"))
        });
        text.push_str(&renamed.unwrap_or_else(|| line.to_owned()));
        text.push('\n');
    }
    text
}

/// What promlint says of `text`, and whether it found nothing.
fn lint(program: &Path, text: &str) -> (bool, String) {
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[test]
fn its_metrics_pass_promlint_and_are_documented() {
    let Some(node) = Node::start("page", "1s") else {
        return;
    };
    node.settle();
    let page = node.page();
    let names = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let names: BTreeSet<_> = names.filter_map(|line| line.split(' ').next()).collect();
    assert!(names.len() > 10, "{page}");
    for name in names {
        assert!(
            DOCUMENT.contains(&format!("| `{name}` |")),
            "{name} is not documented"
        );
    }
    let tools = ensure(false).unwrap();
    if !tools.has("promlint") {
        return skip("KUBEBUILDER_ASSETS lacks promlint");
    }
    let program = tools.program("promlint");
    let text = as_text(&page);
    let (is_clean, said) = lint(&program, &text);
    assert!(is_clean, "{said}\n{text}");
    // It does find what is wrong, or its silence would prove nothing.
    let wrong = text.replace(
        "unstall_probe_status_writes_total",
        "unstall_probe_status_writes",
    );
    let (is_clean, said) = lint(&program, &wrong);
    assert!(
        !is_clean && said.contains("unstall_probe_status_writes"),
        "{said}"
    );
}
