//! What people see: `kubectl explain` reads like documentation, and `kubectl
//! get` answers whether the fleet is all right and what is being done.

use std::path::Path;

use crate::api::{Api, api};
use crate::existing::Existing;
use crate::json::parse_yaml;
use serde_json::Value;

/// Objects whose explanation must hold all that the schema says of their fields.
const EXPLAINED: [(&str, &str); 18] = [
    ("nodehealthpolicies", ""),
    ("nodehealthpolicies", "spec"),
    ("nodehealthpolicies", "spec.triggers"),
    ("nodehealthpolicies", "spec.triggers.signal"),
    ("nodehealthpolicies", "spec.remedies"),
    ("nodehealthpolicies", "spec.remedies.handOver.template"),
    ("nodehealthpolicies", "spec.drain"),
    ("nodehealthpolicies", "spec.drain.rules.steps"),
    ("nodehealthpolicies", "spec.gates.beforeDrain"),
    ("nodehealthpolicies", "spec.disruption"),
    ("nodehealthpolicies", "spec.disruption.windows.exclude"),
    ("nodehealthpolicies", "status"),
    ("nodehealths", "spec"),
    ("nodehealths", "status"),
    ("noderemediations", "spec"),
    ("noderemediations", "status"),
    ("disruptionledgers", "spec"),
    ("disruptionledgers", "status"),
];

#[test]
fn kubectl_explains_every_field_of_what_people_write_and_read() {
    let Some(api) = api() else { return };
    for (plural, path) in EXPLAINED {
        let schema = schema_at(plural, path);
        let subject = [plural, path].join(".");
        let shown = words(&api.must(&["explain", subject.trim_end_matches('.')]));
        let fields = schema["properties"]
            .as_object()
            .expect("an object is explained");
        assert!(!fields.is_empty());
        for (field, schema) in fields
            .iter()
            .filter(|(field, _)| !["apiVersion", "kind", "metadata"].contains(&field.as_str()))
        {
            let said = words(schema["description"].as_str().unwrap());
            assert!(
                shown.contains(&said),
                "{subject}.{field} is not explained by: {said}\n{shown}"
            );
        }
    }
}

#[test]
fn remedies_are_explained_as_in_a_book() {
    let Some(api) = api() else { return };
    let shown = words(&api.must(&["explain", "nhp.spec.remedies"]));
    for sentence in [
        "Cordons, drains and reboots the node, proves by its boot ID that it was rebooted, lets it soak and uncordons it.",
        "How often the remedy may be used on one node within 24 hours, across incidents and policies. 1 to 48, default 4.",
        "`NextRung`: The next remedy of the ladder is tried; after the last one the incident stops and says so.",
        "`Manual`: A human: the incident waits until its name stands in `spec.approve` of the DisruptionLedger",
    ] {
        assert!(shown.contains(sentence), "{sentence}\n{shown}");
    }
}

#[test]
fn nothing_generated_shows_through() {
    let Some(api) = api() else { return };
    for name in ["nhp", "nh", "nr", "dl"] {
        for arguments in [vec!["explain", name], vec!["explain", name, "--recursive"]] {
            let shown = api.must(&arguments);
            for leftover in [
                "Auto-generated",
                "CustomResource",
                "<no description>",
                "Option<",
            ] {
                assert!(
                    !shown.contains(leftover),
                    "kubectl {arguments:?} says {leftover}:\n{shown}"
                );
            }
        }
    }
}

/// For each good document: the header of `kubectl get`, and what its row says.
const COLUMNS: [(&str, &str, &[&str]); 5] = [
    (
        "policy",
        "NAME MODE READY NODES HEALTHY SICK SILENT REPAIRING BREAKER STATUS AGE",
        &[
            "Enforce True 120 115 2 2 1 Closed",
            "2 sick; rebooting node-7 (Draining); node-9 waits for the window at 22:00",
        ],
    ),
    (
        "health",
        "NAME VERDICT SINCE FIRING READ-P50 ZOMBIES COMMAND KERNEL HEARD",
        &[
            " Stalled ",
            "unstall-api-test/memcg-walk 152.9ms 48211 Succeeded 4.19.0-27-amd64",
        ],
    ),
    (
        "remediation",
        "NAME NODE TRIGGER REMEDY PHASE IN-PHASE WAITING-FOR OUTCOME AGE",
        &[
            "unstall-api-test-no-such-node memcg-walk reboot Draining",
            " PodDisruptionBudget ",
        ],
    ),
    (
        "remediation-ended",
        "NAME NODE TRIGGER REMEDY PHASE IN-PHASE WAITING-FOR OUTCOME AGE",
        &["Ended Fixed"],
    ),
    (
        "ledger",
        "NAME EPOCH LEADER SLOTS PAUSED-UNTIL STORM-ALLOWED-UNTIL AGE",
        &["1764000000 unstall-controller-7d9c-abcde 1 2026-11-24T08:00:00Z 2026-11-24T06:00:00Z"],
    ),
];

#[test]
fn columns_say_whether_the_fleet_is_well_and_what_is_done() {
    let Some(api) = api() else { return };
    let objects = COLUMNS.map(|(name, _, _)| Existing::create(api, &good(name), "shown"));
    for ((_, header, values), object) in COLUMNS.iter().zip(&objects) {
        let shown = api.must(&["get", object.resource(), object.name()]);
        let mut lines = shown.lines().map(words);
        assert_eq!(
            lines.next().as_deref(),
            Some(*header),
            "{}",
            object.resource()
        );
        let row = lines.next().unwrap();
        for value in values.iter().filter(|_| object.ours()) {
            assert!(row.contains(value), "{value} is not in: {row}");
        }
    }
    all_kinds_are_one_category(api);
}

fn all_kinds_are_one_category(api: &Api) {
    let listed = api.must(&["get", "unstall", "-o", "name"]);
    for kind in [
        "nodehealthpolicy",
        "nodehealth",
        "noderemediation",
        "disruptionledger",
    ] {
        assert!(
            listed.contains(&format!("{kind}.unstall.dev/")),
            "kubectl get unstall: {listed}"
        );
    }
}

fn good(name: &str) -> Value {
    parse_yaml(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/good/{name}.yaml")))
}

/// The schema of the object at a path of fields, as `kubectl explain` takes it.
fn schema_at(plural: &str, path: &str) -> Value {
    let crds = unstall_crds::all_crds();
    let crd = crds
        .iter()
        .find(|crd| crd.spec.names.plural == plural)
        .unwrap();
    let crd = serde_json::to_value(crd).unwrap();
    let mut schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
    for field in path.split('.').filter(|field| !field.is_empty()) {
        schema = schema["properties"][field].clone();
        if schema["type"] == "array" {
            schema = schema["items"].clone();
        }
    }
    schema
}

/// The text with single spaces: `kubectl` breaks and aligns lines.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
