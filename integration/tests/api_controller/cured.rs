//! An incident that is cured in place, and what it costs.

use serde_json::json;

use crate::bed::{Bed, policy};
use crate::replica::{Lease, Replica};

/// Writes of the controller from the firing trigger to the end of the incident.
const WRITES: f64 = 16.0;

#[test]
fn dropping_caches_cures_with_few_writes() {
    let Some(bed) = Bed::start("cured", 5) else {
        return;
    };
    let replica = Replica::start(&bed, "one", Lease::Alone);
    bed.apply(&policy("drop"));
    bed.until("all probes to judge", || {
        let healths = bed.list("nodehealths");
        let judges = |it: &&serde_json::Value| it["status"]["triggers"][0]["state"] == "Clear";
        (healths.iter().filter(judges).count() == 5).then_some(())
    });
    bed.until("the policy to be evaluated", || {
        let policy = bed.get("nodehealthpolicies", "played");
        (policy["status"]["nodes"]["healthy"] == 5).then_some(())
    });
    std::thread::sleep(std::time::Duration::from_secs(3));
    let before = writes(&replica);
    println!("{}", calls(&replica));
    bed.change("n1", |facts| facts.fires = true);
    let ended = bed.until_phase("n1-1", &["Ended"]);
    assert_eq!(ended["status"]["outcome"], "Fixed", "{ended:#}");
    // What the end still leaves to do: the slot, the command, the node, the policy.
    bed.until("nothing to be left", || {
        let ledger = bed.get("disruptionledgers", "cluster");
        let health = bed.get("nodehealths", "n1");
        let is_clean = ledger["status"]["slots"].is_null() && health["spec"]["command"].is_null();
        let policy = bed.get("nodehealthpolicies", "played");
        (is_clean && policy["status"]["nodes"]["healthy"] == 5).then_some(())
    });
    std::thread::sleep(std::time::Duration::from_secs(3));
    let took = writes(&replica) - before;
    println!("writes of one incident: {took}\n{}", calls(&replica));
    assert!(took <= WRITES, "{took} writes\n{}", bed.logs());
    let node = bed.get("nodes", "n1");
    let conditions = node["status"]["conditions"].as_array().unwrap();
    let stall = conditions
        .iter()
        .find(|it| it["type"] == "unstall.dev/KernelStall");
    assert_eq!(stall.unwrap()["status"], "False");
    assert_eq!(bed.fleet.deeds().done().len(), 1);
    assert_eq!(bed.fleet.deeds().refused(), [""; 0]);
    let annotations = &node["metadata"]["annotations"];
    assert_eq!(annotations["unstall.dev/cordoned-by"], json!(null));
}

/// What was called, for people.
pub fn calls(replica: &Replica) -> String {
    let page = replica.page("/metrics");
    let lines = page.lines().filter(|line| {
        line.starts_with("unstall_controller_api_calls_total") && !line.contains("leases")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Every call that changes something, but for the lease.
pub fn writes(replica: &Replica) -> f64 {
    let verbs = ["create", "update", "patch", "delete"];
    let all = |labels: &[&str]| replica.metric("unstall_controller_api_calls_total", labels);
    let sum: f64 = verbs
        .iter()
        .map(|verb| all(&[&format!("verb=\"{verb}\"")]))
        .sum();
    let leases: f64 = verbs
        .iter()
        .map(|verb| all(&[&format!("verb=\"{verb}\""), "resource=\"leases\""]))
        .sum();
    sum - leases
}
