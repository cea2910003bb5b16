//! Kernels that go through a fleet: to the end, halted by what got worse, halted by
//! a node that never returns.

use serde_json::Value;
use unstall_integration::fleet::Reboot;

use crate::bed::Bed;
use crate::replica::{Lease, Replica};

const OLD: &str = "6.1.0-40-played";
const NEW: &str = "6.12.9-played";

#[test]
fn kernels_go_through_a_fleet_and_halt_where_a_canary_is_worse_or_lost() {
    let Some(bed) = Bed::start("rollouts", 10) else {
        return;
    };
    let replica = Replica::start(&bed, "one", Lease::Alone);
    for number in 1..=10 {
        bed.change(&format!("n{number}"), |facts| {
            facts.next_kernel = NEW.to_owned();
            facts.network_stall = "20ms".to_owned();
            if number == 8 {
                facts.reboot = Reboot::Never;
            }
        });
    }
    bed.apply(&rollout("good", &["n1", "n2", "n3", "n4"], "n3"));
    bed.apply(&rollout("worse", &["n5", "n6", "n7"], "n5"));
    bed.apply(&rollout("lost", &["n8", "n9", "n10"], "n8"));

    // The canary bakes, then measures worse.
    bed.until_phase("n5-1", &["Ended"]);
    bed.change("n5", |facts| facts.network_stall = "60ms".to_owned());
    complete(&bed);
    worse(&bed);
    lost(&bed, &replica);
    resumed(&bed);
    assert_eq!(bed.fleet.deeds().refused(), [""; 0]);
}

/// The one that nothing stops: canary first and alone, one node after the other.
fn complete(bed: &Bed) {
    let policy = bed.until("the first roll-out to be complete", || {
        let policy = bed.get("nodehealthpolicies", "good");
        (stage(&policy) == "Complete").then_some(policy)
    });
    assert_eq!(policy["status"]["rollouts"][0]["done"], 4, "{policy:#}");
    let deeds = bed.fleet.deeds().done();
    let own: Vec<_> = deeds
        .iter()
        .filter(|it| ["n1", "n2", "n3", "n4"].contains(&it.node.as_str()))
        .collect();
    assert_eq!(own.len(), 4, "{own:?}");
    assert_eq!(own[0].node, "n3", "the canary is first: {own:?}");
    let baked = own[1].at.duration_since(own[0].at);
    assert!(baked.as_secs() >= 10, "the second followed after {baked:#}");
    for node in ["n1", "n2", "n3", "n4"] {
        let incident = bed.until_phase(&format!("{node}-1"), &["Ended"]);
        let boot = &incident["status"]["proof"]["boot"];
        assert_eq!(boot["kernelBefore"], OLD, "{incident:#}");
        assert_eq!(boot["kernelAfter"], NEW, "{incident:#}");
        assert_eq!(incident["status"]["outcome"], "Fixed");
    }
}

/// The one whose canary got worse: halted with the numbers, the rest untouched.
fn worse(bed: &Bed) {
    let policy = halted(bed, "worse");
    let message = policy["status"]["rollouts"][0]["message"].as_str().unwrap();
    for part in ["n5", "NetworkStall", "60ms", "20ms"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    untouched(bed, &["n6", "n7"]);
}

/// The one whose canary never comes back: Failed, its slot kept, and told.
fn lost(bed: &Bed, replica: &Replica) {
    let incident = bed.until_phase("n8-1", &["Ended"]);
    assert_eq!(incident["status"]["outcome"], "Failed", "{incident:#}");
    let policy = halted(bed, "lost");
    let rollout = &policy["status"]["rollouts"][0];
    assert_eq!(rollout["haltedBy"][0], "n8", "{rollout:#}");
    untouched(bed, &["n9", "n10"]);
    let ledger = bed.get("disruptionledgers", "cluster");
    let slots = ledger["status"]["slots"].as_array().unwrap();
    assert!(slots.iter().any(|it| it["node"] == "n8"), "{ledger:#}");
    assert_eq!(bed.get("nodes", "n8")["spec"]["unschedulable"], true);
    let told = |reason: &str| {
        let events = bed.list("events");
        let found = events.iter().find(|it| it["reason"] == reason);
        found.map(|it| it["type"].clone())
    };
    for reason in ["Failed", "RolloutHalted"] {
        let type_ = bed.until(reason, || told(reason));
        assert_eq!(type_, "Warning", "{reason}");
    }
    let held = replica.metric("unstall_nodes_held", &[]);
    assert!(held >= 1.0, "unstall_nodes_held {held}");
    let stage = ["policy=\"lost\"", "stage=\"Halted\""];
    let shown = replica.metric("unstall_rollout_stage", &stage);
    assert!((shown - 1.0).abs() < f64::EPSILON, "{shown}");
}

/// A human has looked at the numbers and lets it go on.
fn resumed(bed: &Bed) {
    bed.change("n5", |facts| facts.network_stall = "20ms".to_owned());
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
    let patch = format!(
        r#"{{"spec":{{"resumeRollouts":[{{"policy":"worse","trigger":"new","haltedBefore":"{now}"}}]}}}}"#
    );
    bed.run(&["patch", "dl", "cluster", "--type=merge", "-p", &patch]);
    bed.until("the resumed roll-out to be complete", || {
        (stage(&bed.get("nodehealthpolicies", "worse")) == "Complete").then_some(())
    });
    untouched(bed, &["n9", "n10"]);
}

fn halted(bed: &Bed, policy: &str) -> Value {
    bed.until(&format!("{policy} to be halted"), || {
        let policy = bed.get("nodehealthpolicies", policy);
        (stage(&policy) == "Halted").then_some(policy)
    })
}

fn stage(policy: &Value) -> String {
    let stage = policy["status"]["rollouts"][0]["stage"].as_str();
    stage.unwrap_or_default().to_owned()
}

fn untouched(bed: &Bed, nodes: &[&str]) {
    for name in nodes {
        let node = bed.get("nodes", name);
        assert_eq!(node["spec"]["unschedulable"], Value::Null, "{node:#}");
        assert_eq!(node["status"]["nodeInfo"]["kernelVersion"], OLD);
        assert_eq!(bed.fleet.deeds().reboots(name), 0);
    }
}

fn rollout(name: &str, nodes: &[&str], canary: &str) -> String {
    let nodes = nodes.join(", ");
    format!(
        r#"
apiVersion: unstall.dev/v1alpha1
kind: NodeHealthPolicy
metadata: {{name: {name}}}
spec:
  mode: Enforce
  nodeSelector: {{matchExpressions: [{{key: kubernetes.io/hostname, operator: In, values: [{nodes}]}}]}}
  triggers: [{{name: new, kernel: {{atLeast: "6.12"}}, remedies: [reboot]}}]
  remedies: [{{name: reboot, reboot: {{timeout: 1m}}, settle: 0s}}]
  drain: {{excludeFromLoadBalancers: 0s, timeout: 2m}}
  disruption: {{stopWhenUnhealthy: 100%, pauseBetween: 0s, cooldownPerNode: 0s, maxRebootsPerNodePer24h: 24}}
  soak: {{for: 1s, timeout: 2m}}
  rollout:
    canarySelector: {{matchLabels: {{kubernetes.io/hostname: {canary}}}}}
    bake: 10s
    haltOnWorse: {{signals: [NetworkStall]}}
"#
    )
}
