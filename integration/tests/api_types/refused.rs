//! Bad documents are refused by the real API server, each for the one reason
//! that its case names: take a rule away, and its case turns red.

use std::collections::BTreeSet;
use std::fs;

use crate::answer::{Cause, causes_by_file};
use crate::api::{Api, api};
use crate::existing::Existing;
use crate::table::{Case, Table, Via};
use serde_json::Value;

/// A test for each group of tables, so that a failure names what is broken.
macro_rules! refuses {
    ($($test:ident: $($table:literal),+;)+) => {
        const TABLES: &[&str] = &[$($($table),+),+];

        $(
            #[test]
            fn $test() {
                let Some(api) = api() else { return };
                for table in [$($table),+] {
                    check(api, table);
                }
            }
        )+
    };
}

refuses! {
    policy_shape: "policy-shape";
    policy_signals: "policy-signals";
    policy_triggers: "policy-triggers";
    policy_remedies: "policy-remedies";
    policy_drain_and_gates: "policy-drain";
    policy_disruption: "policy-disruption";
    policy_windows: "policy-windows";
    policy_rollout_and_soak: "policy-rollout";
    policy_status: "policy-status";
    node_health: "health", "health-changes", "health-status";
    node_remediation: "remediation", "remediation-changes", "remediation-status";
    node_remediation_by_hand: "remediation-manual", "remediation-manual-changes";
    ledger: "ledger", "ledger-status";
}

fn check(api: &Api, name: &str) {
    let table = Table::read(name);
    let good = table.good();
    let existing = (table.via != Via::Create).then(|| Existing::create(api, &good, name));
    let base = existing.as_ref().map_or(good, Existing::live);
    let stderr = send_all(api, &table, &base);
    let causes = causes_by_file(&stderr);
    let wrong: Vec<String> = table
        .cases
        .iter()
        .filter_map(|case| {
            let said = causes.get(&case.name).map_or(&[][..], Vec::as_slice);
            (!is_expected(case, said)).then(|| {
                format!(
                    "{name}/{}: expected {}: ... {}\n    got {said:#?}",
                    case.name, case.field, case.says
                )
            })
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {} cases:\n{}",
        wrong.len(),
        table.cases.len(),
        wrong.join("\n")
    );
    println!(
        "{name}: {} bad documents refused by the API server",
        table.cases.len()
    );
}

/// Sends every case in one call, dry, and returns what kubectl complained of.
fn send_all(api: &Api, table: &Table, base: &Value) -> String {
    let dir = tempfile::tempdir().unwrap();
    for case in &table.cases {
        let path = dir.path().join(format!("{}.json", case.name));
        assert!(!path.exists(), "two cases are named {}", case.name);
        fs::write(path, case.apply(base).to_string()).unwrap();
    }
    let verb: &[&str] = match table.via {
        Via::Create => &["create"],
        Via::Replace => &["replace"],
        Via::ReplaceStatus => &["replace", "--subresource=status"],
    };
    let dir = dir.path().to_string_lossy().into_owned();
    let rest = [
        "--dry-run=server",
        "--validate=strict",
        "-o",
        "name",
        "-f",
        &dir,
    ];
    api.kubectl(&[verb, &rest].concat()).stderr
}

/// Whether the causes are those of the case, and no others.
fn is_expected(case: &Case, said: &[Cause]) -> bool {
    let expected = std::iter::once((&case.field, &case.says)).chain(
        case.also
            .iter()
            .map(|further| (&further.field, &further.says)),
    );
    said.len() == 1 + case.also.len()
        && expected
            .into_iter()
            .all(|(field, says)| said.iter().any(|cause| cause.is(field, says)))
}

#[test]
fn every_rule_has_a_bad_document_that_nothing_else_refuses() {
    let alone: BTreeSet<String> = TABLES
        .iter()
        .flat_map(|name| Table::read(name).cases)
        .filter(|case| case.also.is_empty())
        .map(|case| case.says)
        .collect();
    let mut rules = BTreeSet::new();
    for crd in unstall_crds::all_crds() {
        collect_messages(&serde_json::to_value(&crd).unwrap(), &mut rules);
    }
    let missing: Vec<&String> = rules.difference(&alone).collect();
    assert!(
        missing.is_empty(),
        "write a case for each of these rules: {missing:#?}"
    );
    println!("{} rules, each with a bad document of its own", rules.len());
}

fn collect_messages(schema: &Value, into: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            for rule in fields
                .get("x-kubernetes-validations")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                into.insert(
                    rule["message"]
                        .as_str()
                        .expect("every rule has a message")
                        .to_owned(),
                );
            }
            fields
                .values()
                .for_each(|value| collect_messages(value, into));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_messages(item, into)),
        _ => {}
    }
}
