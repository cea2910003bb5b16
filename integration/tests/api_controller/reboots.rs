//! Nodes that somebody else reboots: the order is not given, or void.

use std::time::Duration;

use unstall_crds::command::CommandPayload;

use crate::bed::{Bed, policy, workload};
use crate::rebooted::nothing_of_ours;
use crate::replica::{Lease, Replica};

#[test]
fn an_order_is_void_once_the_node_was_rebooted_by_others() {
    let Some(bed) = Bed::start("others", 4) else {
        return;
    };
    let _replica = Replica::start(&bed, "one", Lease::Alone);
    bed.apply(&policy("reboot"));
    bed.until("the policy to be evaluated", || {
        let policy = bed.get("nodehealthpolicies", "played");
        (policy["status"]["nodes"]["healthy"] == 4).then_some(())
    });
    before_the_order(&bed);
    between_order_and_obedience(&bed);
    assert_eq!(bed.fleet.deeds().done(), []);
}

/// A budget holds up the drain, and somebody reboots the node: no order follows.
fn before_the_order(bed: &Bed) {
    bed.apply(&workload(8));
    bed.apply(HELD_UP);
    bed.until("the workload to run", || {
        let deployment = bed.get("deployments", "web");
        (deployment["status"]["readyReplicas"] == 8).then_some(())
    });
    bed.change("n1", |facts| facts.fires = true);
    bed.until_phase("n1-1", &["Draining"]);
    bed.runtime.block_on(bed.fleet.reboot("n1"));
    let ended = bed.until_phase("n1-1", &["Ended"]);
    assert_eq!(ended["status"]["outcome"], "Aborted", "{ended:#}");
    let message = ended["status"]["message"].as_str().unwrap();
    assert!(message.contains("rebooted by somebody else"), "{message}");
    given_back(bed, "n1");
    let delete = ["delete", "deployment/web", "pdb/web", "--wait=false"];
    bed.run(&delete);
    bed.until("no pod to be left", || {
        bed.list("pods").is_empty().then_some(())
    });
}

/// The order stands in the NodeHealth, no actuator takes it, and the node reboots by
/// itself; the actuator of the new boot finds the order, or nothing any more.
fn between_order_and_obedience(bed: &Bed) {
    for (node, wakes) in [("n2", Wakes::AtOnce), ("n3", Wakes::Late)] {
        bed.change(node, |facts| {
            facts.fires = true;
            facts.is_taking = false;
        });
        let payload = bed.until("the order", || {
            let health = bed.get("nodehealths", node);
            let payload = health["spec"]["command"]["payload"].as_str()?.to_owned();
            Some(CommandPayload::parse(&payload).unwrap())
        });
        assert_eq!(payload.expect_boot_id, format!("{node}-boot-1"));
        let incident = format!("{node}-1");
        bed.runtime.block_on(bed.fleet.reboot(node));
        if wakes == Wakes::Late {
            bed.until_phase(&incident, &["Soaking", "Uncordoning"]);
        }
        bed.change(node, |facts| facts.is_taking = true);
        let ended = bed.until_phase(&incident, &["Ended"]);
        assert_eq!(ended["status"]["outcome"], "Fixed", "{ended:#}");
        given_back(bed, node);
        std::thread::sleep(Duration::from_secs(1));
        let refused = bed.fleet.deeds().refused();
        let own: Vec<_> = refused.iter().filter(|it| it.starts_with(node)).collect();
        let is_void = |it: &&String| it.contains("expects boot");
        assert!(own.len() <= 1 && own.iter().all(is_void), "{own:?}");
    }
}

/// When the actuator takes commands again.
#[derive(PartialEq, Eq)]
enum Wakes {
    AtOnce,
    Late,
}

fn given_back(bed: &Bed, node: &str) {
    bed.until("the node to be clean", || {
        nothing_of_ours(&bed.get("nodes", node)).then_some(())
    });
    bed.until("the slot to be free", || {
        let ledger = bed.get("disruptionledgers", "cluster");
        ledger["status"]["slots"].is_null().then_some(())
    });
}

const HELD_UP: &str = r"
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: default}
spec:
  maxUnavailable: 0
  selector: {matchLabels: {app: web}}
";
