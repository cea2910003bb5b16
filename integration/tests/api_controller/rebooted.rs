//! A node that is drained, rebooted and given back.

use std::time::Duration;

use serde_json::Value;
use unstall_integration::product::left_on;

use crate::bed::{Bed, policy, workload};
use crate::cured::{calls, writes};
use crate::replica::{Lease, Replica};

#[test]
fn a_node_with_pods_is_rebooted_once_and_nothing_is_left_on_it() {
    let Some(bed) = Bed::start("rebooted", 4) else {
        return;
    };
    let replica = Replica::start(&bed, "one", Lease::Alone);
    bed.apply(&policy("reboot"));
    bed.apply(&workload(120));
    bed.until("the workload to run", || {
        let deployment = bed.get("deployments", "web");
        (deployment["status"]["readyReplicas"] == 120).then_some(())
    });
    bed.until("the policy to be evaluated", || {
        let policy = bed.get("nodehealthpolicies", "played");
        (policy["status"]["nodes"]["healthy"] == 4).then_some(())
    });
    let on_node = |name: &str| {
        let pods = bed.list("pods");
        pods.iter()
            .filter(|it| it["spec"]["nodeName"] == name)
            .count()
    };
    let victims = on_node("n2");
    assert!(victims > 0, "the scheduler spread nothing to n2");
    std::thread::sleep(Duration::from_secs(3));
    let before = writes(&replica);
    bed.change("n2", |facts| {
        facts.fires = true;
        facts.is_curable = false;
    });
    let rebooting = bed.until_phase("n2-1", &["Rebooting", "Proving"]);
    assert_eq!(rebooting["status"]["outcome"], Value::Null, "{rebooting:#}");
    let ended = bed.until_phase("n2-1", &["Ended"]);
    assert_eq!(
        ended["status"]["outcome"],
        "Fixed",
        "{ended:#}\n{}",
        bed.logs()
    );
    let boot = &ended["status"]["proof"]["boot"];
    assert_eq!(boot["bootIDBefore"], "n2-boot-1");
    assert_eq!(boot["bootIDAfter"], "n2-boot-2");
    bed.until("nothing to be left on the node", || {
        let node = bed.get("nodes", "n2");
        nothing_of_ours(&node).then_some(())
    });
    std::thread::sleep(Duration::from_secs(3));
    let evictions = replica.metric(
        "unstall_controller_api_calls_total",
        &["resource=\"pods/eviction\""],
    );
    let others = writes(&replica) - before - evictions;
    println!("{victims} pods: {evictions} evictions, {others} other writes");
    println!("{}", calls(&replica));
    assert!(others <= 36.0, "{others} other writes");
    assert!(evictions <= victims as f64, "{evictions} evictions");
    let deeds = bed.fleet.deeds().done();
    assert_eq!(deeds.len(), 1, "{deeds:?}");
    assert!(deeds[0].is_reboot && deeds[0].left.is_empty(), "{deeds:?}");
    assert_eq!(bed.fleet.deeds().refused(), [""; 0]);
}

/// Whether the Node carries nothing that an incident left.
pub fn nothing_of_ours(node: &Value) -> bool {
    left_on(node).is_empty()
}
