//! `snapshot`, `simulate` and `crds`, as people call them.

use serde_json::{Value, json};

use crate::bed::{bed, said};

#[test]
fn a_captured_cluster_is_simulated() {
    let Some(bed) = bed() else { return };
    bed.apply(&json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": "captured", "labels": {"captured": "yes"}, "annotations": {"example.com/token": "hidden"}},
    }));
    bed.apply(&json!({
        "apiVersion": "unstall.dev/v1alpha1", "kind": "NodeHealthPolicy", "metadata": {"name": "captured"},
        "spec": {
            "nodeSelector": {"matchLabels": {"captured": "yes"}},
            "triggers": [{
                "name": "slow", "remedies": [],
                "signal": {"name": "MemoryStatReadCPU", "above": "100ms", "clearBelow": "20ms", "for": "5m"},
            }],
        },
    }));
    for format in ["yaml", "json"] {
        let snapshot = bed.run(&["snapshot", "-o", format], "");
        let (text, left_out) = (said(&snapshot.stdout), said(&snapshot.stderr));
        assert!(snapshot.status.success(), "{left_out}");
        assert!(!text.contains("hidden"), "{text}");
        assert!(!text.contains("managedFields"), "{text}");
        assert!(
            left_out.contains("annotations that no decision reads"),
            "{left_out}"
        );
        let plan = bed.run(&["simulate", "-f", "-"], &text);
        let plan_text = said(&plan.stdout);
        assert!(plan.status.success(), "{}", said(&plan.stderr));
        assert!(
            plan_text.contains("captured: create its NodeHealth"),
            "{plan_text}"
        );
        assert!(
            plan_text.contains("Policy captured (Observe)"),
            "{plan_text}"
        );
        let plan = bed.run(&["simulate", "-f", "-", "-o", "json"], &text);
        let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
        assert_eq!(plan["policies"]["captured"]["nodes"]["covered"], 1);
    }
    let broken = bed.run(
        &["simulate", "-f", "-"],
        "now: 2026-03-02T12:00:00Z\nnods: {}\n",
    );
    assert_eq!(broken.status.code(), Some(1));
    let why = said(&broken.stderr);
    assert!(
        why.contains("standard input: unknown fields: nods"),
        "{why}"
    );
}

#[test]
fn the_printed_definitions_are_taken() {
    let Some(bed) = bed() else { return };
    let crds = bed.run(&["crds"], "");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &crds.stdout).unwrap();
    let file = file.path().to_string_lossy();
    let args = [
        "apply",
        "--server-side",
        "--force-conflicts",
        "--dry-run=server",
        "-f",
        &file,
    ];
    let applied = bed.kubectl.run(&args).unwrap();
    assert_eq!(applied.lines().count(), 4, "{applied}");
}
