//! `node-probe check` as it is run: exit codes, text, JSON.

use std::path::Path;
use std::process::{Command, Output};

use crate::tree::{Tree, fixture};
use node_probe::cli::json_schema;
use serde_json::Value;

fn check(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_node-probe"));
    command.arg("check").args(args).output().unwrap()
}

/// Three reads of the tree at `root`.
fn check_tree(root: &Path, more: &[&str]) -> Output {
    let mut args = vec!["--samples", "3", "--root", root.to_str().unwrap()];
    args.extend(more);
    check(&args)
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn first_line(output: &Output) -> String {
    text(output).lines().next().unwrap().to_owned()
}

#[test]
fn this_machine_is_checked_without_a_cluster() {
    let output = check(&["-o", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!(report["host"]["kernelRelease"], release.trim());
    assert_eq!(report["exitCode"], output.status.code().unwrap());
    if report["verdict"] == "Unknown" {
        // Where the tests run in a container, the root is hidden: with a reason.
        assert!(
            !report["notRead"].as_array().unwrap().is_empty(),
            "{report:#}"
        );
    } else {
        assert!(
            report["signals"][0]["p50"].as_u64().unwrap() > 0,
            "{report:#}"
        );
    }
}

#[test]
fn a_healthy_node_exits_with_0() {
    let output = check_tree(&fixture("v1"), &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let line = first_line(&output);
    assert!(
        line.starts_with("Healthy: memory.stat reads take "),
        "{line}"
    );
    assert!(line.ends_with("; 48,211 zombie memcgs"), "{line}");
    assert!(!text(&output).contains('\x1b'), "a pipe takes no colours");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_plugin_prints_one_line_that_fits_what_node_problem_detector_keeps() {
    for (tree, code) in [("v1", 0), ("v2", 0), ("nowhere", 2), ("no-memory-row", 0)] {
        let output = check_tree(&fixture(tree), &["-o", "line"]);
        assert_eq!(output.status.code(), Some(code), "{tree}: {output:?}");
        let said = text(&output);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.trim_end().len() <= 80 && said.contains(": "), "{said}");
    }
}

#[test]
fn a_node_over_its_thresholds_exits_with_1() {
    let limits = ["--watch-at", "1ns", "--degraded-at", "1ns"];
    let output = check_tree(&fixture("v2"), &limits);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        first_line(&output).starts_with("Degraded: memory.stat reads take"),
        "{output:?}"
    );
}

#[test]
fn an_unreadable_node_exits_with_2_and_says_why() {
    for tree in ["hidden-root-v1", "hidden-root-v2", "nowhere"] {
        let output = check_tree(&fixture(tree), &[]);
        assert_eq!(output.status.code(), Some(2), "{tree}: {output:?}");
        assert_eq!(
            first_line(&output),
            "Unknown: the root memory.stat cannot be read"
        );
        assert!(
            text(&output).contains("mount the host's /sys/fs/cgroup"),
            "{output:?}"
        );
    }
}

#[test]
fn what_is_not_known_is_not_printed_as_zero() {
    let output = check_tree(&fixture("no-memory-row"), &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        first_line(&output).ends_with("; ? zombie memcgs"),
        "{output:?}"
    );
    let text = text(&output);
    assert!(
        text.contains("zombie memcgs could not be counted."),
        "{text}"
    );
    assert!(
        text.contains("ZombieMemcgs, ZombieMemcgGrowth: ") && text.contains("no row memory"),
        "{text}"
    );

    let output = check_tree(&fixture("no-memory-row"), &["-o", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["zombieMemcgs"], Value::Null);
    assert_eq!(report["signals"][2]["min"], Value::Null);
}

/// The fixture of a host, as an argument.
#[cfg(feature = "cluster")]
fn host_root(name: &str) -> String {
    let root = fixture(&format!("host/{name}"));
    format!("--host-root={}", root.display())
}

#[cfg(feature = "cluster")]
#[test]
fn the_next_boot_is_told_or_why_it_is_not() {
    let known = check_tree(&fixture("v1"), &[&host_root("ubuntu-24.04")]);
    let said = text(&known);
    for line in [
        "\nstaged   6.8.0-53-generic, the newest in /boot, which GRUB takes\n",
        "\nreboot   required\n",
    ] {
        assert!(said.contains(line), "{said}");
    }
    let own = "--reboot-sentinel=/run/mine";
    let json = check_tree(&fixture("v1"), &["-o", "json", &host_root("rhel-9"), own]);
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    let host = &report["host"];
    assert_eq!(host["stagedKernel"], "5.14.0-503.11.1.el9_5.x86_64");
    assert_eq!(host["rebootRequired"], false);
    let unknown = text(&check_tree(&fixture("v1"), &[&host_root("flatcar")]));
    for line in [
        "\nstaged   unknown\nreboot   unknown\n",
        "\n  staged kernel: ",
        "boot: this host boots images",
        "\n  reboot required: ",
        "run/reboot-required: it is not there, and flatcar is not known to write it",
    ] {
        assert!(unknown.contains(line), "{line}: {unknown}");
    }
    // By default where proc is; a sick node's exit code says nothing of it.
    let beside = check_tree(&fixture("v1"), &[]);
    assert!(text(&beside).contains("v1/boot: No such file or directory; mount"));
    assert_eq!(beside.status.code(), Some(0));
}

#[cfg(not(feature = "cluster"))]
#[test]
fn a_build_that_does_not_look_at_the_next_boot_says_so() {
    let said = text(&check_tree(&fixture("v1"), &[]));
    assert!(
        said.contains("\nstaged   unknown\nreboot   unknown\n"),
        "{said}"
    );
    assert!(said.contains("staged kernel, reboot required: this build has no cluster part"));
}

#[test]
fn time_that_is_up_ends_a_check_with_the_reads_there_are() {
    let output = check_tree(&fixture("v1"), &["--max-time", "1ms"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        first_line(&output).starts_with("Unknown: only 0 root memory.stat reads"),
        "{output:?}"
    );
}

#[test]
fn wrong_arguments_exit_with_2_and_say_what_to_write() {
    let cases: &[(&[&str], &str)] = &[
        (&["--samples", "2"], "2 is not in 3..=128"),
        (
            &["--max-time", "5"],
            "not a duration above zero such as 90s",
        ),
        (&["--watch-at", "30ms"], "--watch-at is above --degraded-at"),
        (&["-o", "yaml"], "possible values: text, line, json, schema"),
        #[cfg(feature = "cluster")]
        (
            &["--reboot-sentinel", "run/x"],
            "not the absolute path of a file in a folder",
        ),
    ];
    for (args, expected) in cases {
        let output = check(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(expected), "{args:?}: {error}");
    }
}

#[test]
fn help_and_version_tell_what_one_needs() {
    let help = text(&check(&["--help"]));
    for part in [
        "0  OK: Healthy or Watch",
        "NO_COLOR",
        "--max-time",
        "node-problem-detector",
    ] {
        assert!(help.contains(part), "{part}: {help}");
    }
    let version = Command::new(env!("CARGO_BIN_EXE_node-probe"))
        .arg("--version")
        .output()
        .unwrap();
    let version = text(&version);
    let expected = format!("node-probe {} (commit ", env!("CARGO_PKG_VERSION"));
    assert!(version.starts_with(&expected), "{version}");
}

#[test]
fn the_json_is_as_documented() {
    let schema: Value = serde_json::from_str(json_schema()).unwrap();
    assert_eq!(text(&check(&["-o", "schema"])), json_schema());
    let no_leaf = Tree::of("v1");
    no_leaf.remove("sys/fs/cgroup/memory/system.slice");
    no_leaf.remove("sys/fs/cgroup/memory/kubepods");
    let mut roots: Vec<_> = [
        "v1",
        "v2",
        "hybrid",
        "no-memory-row",
        "hidden-root-v1",
        "nowhere",
    ]
    .map(fixture)
    .to_vec();
    roots.push(no_leaf.path().to_owned());
    for root in roots {
        let output = check_tree(&root, &["-o", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        conform(&report, &schema, "report");
        assert_eq!(report["exitCode"], output.status.code().unwrap());
    }
    #[cfg(feature = "cluster")]
    for host in ["debian-12", "flatcar"] {
        let output = check_tree(&fixture("v1"), &["-o", "json", &host_root(host)]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        conform(&report, &schema, "report");
    }
}

/// The part of JSON Schema that ours uses; anything else in it fails.
fn conform(value: &Value, schema: &Value, at: &str) {
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "$id" | "title" | "description" | "required" | "properties" => {}
            "const" => assert_eq!(value, rule, "{at}"),
            "enum" => assert!(rule.as_array().unwrap().contains(value), "{at}: {value}"),
            "maxLength" => {
                let length = value.as_str().unwrap().chars().count() as u64;
                assert!(length <= rule.as_u64().unwrap(), "{at}: {value}");
            }
            "additionalProperties" => assert_eq!(rule, false, "{at}"),
            "items" => {
                for item in value.as_array().unwrap() {
                    conform(item, rule, &format!("{at}[]"));
                }
            }
            "type" => {
                let types = rule
                    .as_array()
                    .cloned()
                    .unwrap_or_else(|| vec![rule.clone()]);
                assert!(
                    types.iter().any(|name| *name == type_of(value)),
                    "{at}: {value}"
                );
            }
            other => panic!("{at}: the test does not know {other}"),
        }
    }
    let (Some(value), Some(properties)) = (value.as_object(), schema.get("properties")) else {
        return;
    };
    for name in schema["required"].as_array().unwrap() {
        assert!(
            value.contains_key(name.as_str().unwrap()),
            "{at}: no {name}"
        );
    }
    for (name, value) in value {
        let schema = properties
            .get(name)
            .unwrap_or_else(|| panic!("{at}: {name} undocumented"));
        conform(value, schema, &format!("{at}.{name}"));
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
