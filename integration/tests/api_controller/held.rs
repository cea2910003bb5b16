//! The same, while others have the node: a human who is to approve, a human who holds
//! it, another remediator.

use serde_json::Value;

use crate::bed::{Bed, policy};
use crate::others::{fences, handing_over};
use crate::pair::{Fault, Pair};
use crate::rebooted::nothing_of_ours;

const FAULTS: [Fault; 4] = [Fault::Killed, Fault::Frozen, Fault::CutOff, Fault::Told];
/// The phase in which others have a node, by its zone.
const HELD: [(&str, &str); 3] = [("a", "Holding"), ("b", "HandedOver"), ("c", "Pending")];

#[test]
fn a_leader_lost_while_others_have_the_node_is_followed() {
    let Some(bed) = Bed::start("held", HELD.len() * FAULTS.len()) else {
        return;
    };
    let mut pair = Pair::start(&bed);
    fences(&bed);
    let hold = "- {name: hold, cordon: {}, settle: 1s}";
    let ask = "- {name: ask, dropCaches: {}, approval: Manual, settle: 1s}";
    let with = |remedy: &str, ladder: &str| {
        policy(ladder).replace("  remedies:\n", &format!("  remedies:\n  {remedy}\n"))
    };
    bed.apply(&of_zone("a", &with(hold, "hold")));
    bed.apply(&of_zone("b", &handing_over()));
    bed.apply(&of_zone("c", &with(ask, "ask")));
    for (at, fault) in FAULTS.into_iter().enumerate() {
        for (zone, phase) in HELD {
            let node = node_of(&bed, zone, at);
            bed.change(&node, |facts| facts.fires = true);
            let incident = format!("{node}-1");
            pair.until(&format!("{incident} to wait in {phase}"), || {
                let all = bed.list("noderemediations");
                let found = all
                    .iter()
                    .find(|it| it["metadata"]["name"] == incident.as_str())?;
                let status = &found["status"];
                (status["phase"] == phase && status["blockers"].is_array()).then_some(())
            });
            pair.strike(fault);
            println!("{fault:?} in {phase}");
            let before = bed.get("noderemediations", &incident);
            assert_eq!(before["status"]["phase"], phase, "{before:#}");
            end(&bed, phase, &node);
            let ended = pair.until_phase(&incident, &["Ended"]);
            assert_eq!(
                ended["status"]["outcome"],
                "Fixed",
                "{fault:?} in {phase}: {ended:#}\n{}",
                bed.logs()
            );
            pair.until("the node to be clean", || {
                let node = bed.get("nodes", &node);
                (nothing_of_ours(&node) && node["spec"]["unschedulable"] != true).then_some(())
            });
            let deeds = bed.fleet.deeds();
            let drops = usize::from(phase == "Pending");
            assert_eq!(
                (deeds.drops(&node), deeds.reboots(&node)),
                (drops, 0),
                "{fault:?} in {phase}: {:?}",
                deeds.done()
            );
            assert_eq!(deeds.refused(), [""; 0], "{fault:?} in {phase}");
        }
    }
    bed.until("the other's objects to be gone", || {
        bed.list("fences").is_empty().then_some(())
    });
}

/// Whoever has the node does what is theirs.
fn end(bed: &Bed, phase: &str, node: &str) {
    match phase {
        "Holding" => {
            assert_eq!(bed.get("nodes", node)["spec"]["unschedulable"], true);
            bed.change(node, |facts| facts.fires = false);
            bed.run(&["uncordon", node]);
        }
        "HandedOver" => {
            // The phase is written first.
            let fences = bed.until("the other's object", || {
                Some(bed.list("fences")).filter(|it| !it.is_empty())
            });
            let names: Vec<&Value> = fences.iter().map(|it| &it["metadata"]["name"]).collect();
            assert_eq!(names, [node], "one object, by whoever led first");
            bed.run(&["cordon", node]);
            bed.runtime.block_on(bed.fleet.reboot(node));
            bed.run(&["uncordon", node]);
        }
        _ => {
            assert_eq!(bed.fleet.deeds().drops(node), 0, "nobody approved it yet");
            let approval = format!(r#"{{"spec":{{"approve":["{node}-1"]}}}}"#);
            bed.run(&["patch", "dl", "cluster", "--type=merge", "-p", &approval]);
        }
    }
}

/// `policy` under a name of its own, for the nodes of one zone.
fn of_zone(zone: &str, policy: &str) -> String {
    policy
        .replace("name: played", &format!("name: played-{zone}"))
        .replace(
            "kubernetes.io/os: linux",
            &format!("topology.kubernetes.io/zone: {zone}"),
        )
}

/// The node at this place among those of the zone.
fn node_of(bed: &Bed, zone: &str, at: usize) -> String {
    let nodes = bed.list("nodes");
    let zones = "topology.kubernetes.io/zone";
    let of_zone = nodes
        .iter()
        .filter(|it| it["metadata"]["labels"][zones] == zone);
    let mut names: Vec<&str> = of_zone
        .filter_map(|it| it["metadata"]["name"].as_str())
        .collect();
    names.sort_unstable();
    names[at].to_owned()
}
