//! Good documents are accepted by the real API server and read back as they
//! were, but for defaults; and those defaults are the ones our types fill in.

use std::path::Path;

use crate::api::{Api, api};
use crate::existing::Existing;
use crate::json::{merge_defaults, parse_yaml, yaml_files};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use unstall_crds::health::NodeHealth;
use unstall_crds::ledger::DisruptionLedger;
use unstall_crds::policy::NodeHealthPolicy;
use unstall_crds::remediation::NodeRemediation;

#[test]
fn all_definitions_are_established_and_structural() {
    let Some(api) = api() else { return };
    for crd in unstall_crds::all_crds() {
        let name = crd.metadata.name.as_deref().unwrap();
        let live = api
            .get("customresourcedefinitions", name)
            .expect("it was installed");
        let status = |kind: &str| {
            let conditions = live["status"]["conditions"].as_array().unwrap();
            let condition = conditions.iter().find(|c| c["type"] == kind)?;
            condition["status"].as_str().map(ToOwned::to_owned)
        };
        assert_eq!(status("Established").as_deref(), Some("True"), "{name}");
        assert_eq!(status("NamesAccepted").as_deref(), Some("True"), "{name}");
        assert_ne!(
            status("NonStructuralSchema").as_deref(),
            Some("True"),
            "{name}"
        );
        assert_eq!(live["spec"]["scope"], "Cluster");
    }
}

#[test]
fn every_example_is_accepted_and_read_back() {
    let Some(api) = api() else { return };
    let files = yaml_files("docs/examples");
    assert!(files.len() >= 10, "{} examples", files.len());
    for file in &files {
        let mut policy = parse_yaml(file);
        let name = policy["metadata"]["name"].as_str().unwrap().to_owned();
        assert_eq!(
            Some(name.as_str()),
            file.file_stem().and_then(|s| s.to_str()),
            "file and policy have one name"
        );
        // Not in the way of what runs on the cluster: another name, and no node.
        policy["metadata"]["name"] = json!(format!("unstall-api-test-{name}"));
        policy["spec"]["nodeSelector"]["matchLabels"]["unstall.dev/api-test"] = json!("none");
        read_back::<NodeHealthPolicy>(api, &policy, file);
    }
    println!(
        "{} example policies accepted by the API server",
        files.len()
    );
}

#[test]
fn every_good_document_is_accepted_with_its_status() {
    let Some(api) = api() else { return };
    for file in &yaml_files("integration/tests/data/good") {
        let document = parse_yaml(file);
        match document["kind"].as_str().unwrap() {
            "NodeHealthPolicy" => read_back::<NodeHealthPolicy>(api, &document, file),
            "NodeHealth" => read_back::<NodeHealth>(api, &document, file),
            "NodeRemediation" => read_back::<NodeRemediation>(api, &document, file),
            "DisruptionLedger" => read_back::<DisruptionLedger>(api, &document, file),
            other => panic!("{}: {other} is not ours", file.display()),
        }
    }
}

/// Stores the document, reads it back, and compares: the server adds defaults
/// only, and exactly those that our type adds.
fn read_back<K: Serialize + DeserializeOwned>(api: &Api, document: &Value, file: &Path) {
    let existing = Existing::create(api, document, "accepted");
    if !existing.ours() {
        println!("{}: not compared, the cluster has its own", file.display());
        return;
    }
    let live = existing.live();
    let typed: K = serde_json::from_value(document.clone())
        .unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let typed = serde_json::to_value(&typed).unwrap();
    for part in ["spec", "status"] {
        let Some(sent) = document.get(part) else {
            continue;
        };
        if let Err(difference) = merge_defaults(sent, &live[part], part) {
            panic!("{}: {difference}", file.display());
        }
        assert_eq!(
            live[part],
            typed[part],
            "{}: the defaults of the schema (left) and of the type",
            file.display()
        );
    }
    let again: K = serde_json::from_value(live.clone()).unwrap();
    let again = serde_json::to_value(&again).unwrap();
    assert_eq!(
        again["spec"],
        live["spec"],
        "{}: the type loses something",
        file.display()
    );
}

#[test]
fn applying_an_example_again_changes_nothing() {
    let Some(api) = api() else { return };
    let mut policy = parse_yaml(&yaml_files("docs/examples")[0]);
    policy["metadata"]["name"] = json!("unstall-api-test-again");
    policy["spec"]["nodeSelector"]["matchLabels"]["unstall.dev/api-test"] = json!("none");
    let existing = Existing::create(api, &policy, "applied");
    policy["metadata"]["name"] = json!(existing.name());
    let apply = [
        "apply",
        "--server-side",
        "--force-conflicts",
        "--field-manager=unstall-api-test",
    ];
    let first = api.must_send(&apply, &policy);
    let second = api.must_send(&apply, &policy);
    let version = |object: &Value| {
        object["metadata"]["resourceVersion"]
            .as_str()
            .map(ToOwned::to_owned)
    };
    assert!(version(&first).is_some());
    assert_eq!(
        version(&first),
        version(&second),
        "GitOps would never come to rest"
    );
    assert_eq!(
        first["metadata"]["generation"],
        second["metadata"]["generation"]
    );
}

#[test]
fn a_null_means_the_default() {
    let Some(api) = api() else { return };
    let policy = json!({
        "apiVersion": "unstall.dev/v1alpha1", "kind": "NodeHealthPolicy",
        "metadata": {"name": "unstall-api-test-null"},
        "spec": {
            "mode": null, "drain": null, "disruption": {"maxUnavailable": null, "windows": null},
            "nodeSelector": {"matchLabels": {"unstall.dev/api-test": "none"}},
            "triggers": [{"name": "t", "condition": {"type": "X", "status": null}, "signal": null}],
        },
    });
    let stored = api.must_send(
        &["create", "--dry-run=server", "--validate=strict"],
        &policy,
    );
    assert_eq!(stored["spec"]["mode"], "Observe");
    assert_eq!(stored["spec"]["drain"]["timeout"], "45m");
    assert_eq!(stored["spec"]["disruption"]["maxUnavailable"], 1);
    assert_eq!(
        stored["spec"]["disruption"]["windows"]["appliesTo"],
        json!(["Reboot", "Cordon"])
    );
    assert_eq!(stored["spec"]["triggers"][0]["condition"]["status"], "True");
    assert!(stored["spec"]["triggers"][0].get("signal").is_none());
}
