//! What others have a say in: another remediator, alerts, gates.

use serde_json::Value;

use crate::bed::{Bed, policy};
use crate::prometheus::Prometheus;
use crate::rebooted::nothing_of_ours;
use crate::replica::{Lease, Replica};

#[test]
fn another_remediator_is_given_the_node_and_it_is_taken_back() {
    let Some(bed) = Bed::start("handed", 3) else {
        return;
    };
    let _replica = Replica::start(&bed, "one", Lease::Alone);
    fences(&bed);
    bed.apply(&handing_over());
    bed.change("n2", |facts| facts.fires = true);
    let fence = bed.until("the other's object", || bed.list("fences").pop());
    assert_eq!(fence["metadata"]["name"], "n2", "{fence:#}");
    assert_eq!(fence["spec"]["how"], "gently", "the template's spec");
    let incident = bed.until_phase("n2-1", &["HandedOver"]);
    assert_eq!(incident["status"]["phase"], "HandedOver", "{incident:#}");
    assert_eq!(
        bed.get("nodes", "n2")["spec"]["unschedulable"],
        Value::Null,
        "whoever has the node cordons it"
    );
    // The other remediator does what it is for.
    bed.run(&["cordon", "n2"]);
    bed.runtime.block_on(bed.fleet.reboot("n2"));
    bed.run(&["uncordon", "n2"]);
    let ended = bed.until_phase("n2-1", &["Ended"]);
    assert_eq!(ended["status"]["outcome"], "Fixed", "{ended:#}");
    bed.until("the other's object to be gone", || {
        bed.list("fences").is_empty().then_some(())
    });
    bed.until("the node to be clean", || {
        nothing_of_ours(&bed.get("nodes", "n2")).then_some(())
    });
    assert_eq!(bed.fleet.deeds().done(), [], "nothing was ordered by us");

    // One that the API server refuses is said with its words, and not waited for.
    let brutally = r#"--patch={"spec":{"template":{"spec":{"how":"brutally"}}}}"#;
    bed.run(&["patch", "fencetemplate", "usual", "--type=merge", brutally]);
    bed.change("n3", |facts| facts.fires = true);
    let refused = bed.until_phase("n3-1", &["Ended"]);
    let rung = &refused["status"]["rungs"][0];
    assert_eq!(rung["result"], "Failed", "{refused:#}");
    let message = rung["message"].as_str().unwrap_or_default();
    let is_said = message.contains(r#"Fence n3 could not be made"#)
        && message.contains(r#"Unsupported value: "brutally""#);
    assert!(is_said, "{message}");
}

/// Another remediator's kinds, and a template of it.
pub fn fences(bed: &Bed) {
    bed.apply(FENCES);
    let fences = [
        "wait",
        "--for=condition=Established",
        "--timeout=60s",
        "crd",
    ];
    bed.run(
        &[
            &fences[..],
            &["fences.example.org", "fencetemplates.example.org"],
        ]
        .concat(),
    );
    bed.until("the template to be taken", || {
        let file = bed.dir.path().join("template.yaml");
        std::fs::write(&file, TEMPLATE).unwrap();
        let file = file.to_string_lossy().into_owned();
        bed.kubectl.run(&["apply", "-f", &file]).ok()
    });
}

/// A policy that hands nodes over to it.
pub fn handing_over() -> String {
    let remedy = "- {name: other, handOver: {template: {apiVersion: example.org/v1, \
                  kind: FenceTemplate, name: usual, namespace: default}}, settle: 1s}";
    policy("other").replace("  remedies:\n", &format!("  remedies:\n  {remedy}\n"))
}

#[test]
fn alerts_and_gates_of_others_are_waited_for() {
    let Some(bed) = Bed::start("alerts", 3) else {
        return;
    };
    let prometheus = Prometheus::start(bed.dir.path());
    prometheus.fires(&["Watchdog", "CephDown"]);
    let _replica = Replica::with(&bed, "one", Lease::Alone, &prometheus.args);
    let rule = "{name: ceph, matchers: [{label: alertname, operator: Matches, value: 'Ceph.*'}]}";
    let forbids = format!("disruption: {{blockedBy: {{alerts: {{firing: [{rule}]}}}}, ");
    let gates =
        "  gates: {beforeReboot: [{name: ceph, annotation: {key: example.org/may-reboot}}]}\n";
    bed.apply(&(policy("reboot").replace("disruption: {", &forbids) + gates));
    bed.change("n1", |facts| facts.fires = true);

    let message = blocked(&bed, "BlockedByAlert");
    assert!(message.contains("CephDown"), "{message}");
    prometheus.fires(&["Watchdog"]);
    let message = blocked(&bed, "GateClosed");
    assert!(message.contains("example.org/may-reboot"), "{message}");
    let node = bed.get("nodes", "n1");
    assert_eq!(node["spec"]["unschedulable"], true, "{node:#}");
    assert_eq!(bed.fleet.deeds().done(), []);
    bed.run(&["annotate", "node", "n1", "example.org/may-reboot=n1-1"]);
    let ended = bed.until_phase("n1-1", &["Ended"]);
    assert_eq!(ended["status"]["outcome"], "Fixed", "{ended:#}");
    assert_eq!(bed.fleet.deeds().reboots("n1"), 1);
}

/// Waits until the incident is blocked for this reason; says it.
fn blocked(bed: &Bed, reason: &str) -> String {
    bed.until(reason, || {
        let incidents = bed.list("noderemediations");
        let all = incidents.first()?["status"]["blockers"].as_array()?.clone();
        let found = all.iter().find(|it| it["reason"] == reason)?;
        Some(found["message"].as_str()?.to_owned())
    })
}

const FENCES: &str = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: fencetemplates.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {kind: FenceTemplate, plural: fencetemplates, singular: fencetemplate}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: fences.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {kind: Fence, plural: fences, singular: fence}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties: {spec: {type: object, properties: {how: {type: string, enum: [gently]}}}}
";

const TEMPLATE: &str = r"
apiVersion: example.org/v1
kind: FenceTemplate
metadata: {name: usual, namespace: default}
spec: {template: {spec: {how: gently}}}
";
