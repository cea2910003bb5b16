//! Writes that fail: the probe goes on, and what it writes afterwards is the present, once.

use std::time::Duration;

use jiff::Timestamp;

use crate::node::{Node, bed};
use unstall_integration::forward::{Fault, Kind};

const FAULTS: [(&str, Fault, usize); 8] = [
    ("conflict", Fault::Answer(409), 2),
    ("gone", Fault::Answer(410), 2),
    ("throttled", Fault::Answer(429), 2),
    ("broken", Fault::Answer(500), 2),
    ("unavailable", Fault::Answer(503), 2),
    ("reset", Fault::Reset, 2),
    // Each takes the probe's limit of 15 s.
    ("silent", Fault::Silence, 1),
    ("lost-answer", Fault::LostAnswer, 0),
];
/// Its pages, which kubelets ask after, must not wait for the API server.
const SOON: Duration = Duration::from_secs(8);
/// For the pause after two failures, and the limit of a call without an answer.
const LIMIT: Duration = Duration::from_secs(60);
/// A backlog would be written in this time.
const AFTERWARDS: Duration = Duration::from_secs(6);

#[test]
fn a_write_that_fails_is_made_up_for_by_one_of_the_present() {
    if bed().is_none() {
        return;
    }
    std::thread::scope(|scope| {
        let tests = FAULTS.map(|(name, fault, hits)| {
            let test = move || outlived(name, fault, hits);
            let thread = std::thread::Builder::new().name(name.to_owned());
            thread.spawn_scoped(scope, test).unwrap()
        });
        let failed = tests
            .into_iter()
            .filter_map(|test| test.join().err())
            .count();
        assert_eq!(failed, 0, "{failed} of {} faults, see above", FAULTS.len());
    });
}

fn outlived(name: &str, fault: Fault, hits: usize) {
    let Some(mut node) = Node::start(name, "1s") else {
        return;
    };
    node.settle();
    let measured = node.measured();
    node.forward.fail(Kind::Write, fault);
    // A backlog of three would be three writes.
    node.change();
    node.change();
    let newest = node.change();
    node.until("writes to fail", LIMIT, || {
        node.forward.failed(Kind::Write) >= hits
    });
    if fault == Fault::LostAnswer {
        node.until_observed(newest, LIMIT);
    }
    node.until("measuring to go on", SOON, || node.measured() > measured);
    let before = node.forward.written().len();
    let healed = Timestamp::now();
    node.forward.heal();
    node.until("a write", LIMIT, || node.forward.written().len() > before);
    node.until_observed(newest, LIMIT);
    std::thread::sleep(AFTERWARDS);
    let writes = node.forward.written().split_off(before);
    // A second one may tell what the machine itself was like meanwhile.
    assert!(writes.len() <= 2, "{name}: {writes:#?}");
    for write in &writes {
        let status = &write.body["status"];
        assert_eq!(status["observedGeneration"], newest, "{name}: {status:#}");
        let heartbeat: Timestamp = status["heartbeat"].as_str().unwrap().parse().unwrap();
        // A write that hangs when it is healed was made before.
        assert!(
            heartbeat >= healed || fault == Fault::Silence,
            "{name}: {heartbeat}"
        );
    }
    node.assert_running();
    println!(
        "{name}: {} writes after the fault, {} failed",
        writes.len(),
        node.forward.failed(Kind::Write)
    );
}
