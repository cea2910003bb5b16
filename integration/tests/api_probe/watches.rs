//! Watches that fail: the probe goes on, learns what changed, and watches nothing but its own
//! object.

use std::time::Duration;

use crate::node::{Node, bed};
use unstall_integration::forward::{Fault, Kind};

const FAULTS: [(&str, Fault); 6] = [
    ("w-gone", Fault::Answer(410)),
    ("w-expired", Fault::Expired),
    ("w-throttled", Fault::Answer(429)),
    ("w-broken", Fault::Answer(500)),
    ("w-reset", Fault::Reset),
    ("w-silent", Fault::Silence),
];
/// The probe takes 90 s of silence for the end of a watch.
const LIMIT: Duration = Duration::from_secs(150);

#[test]
fn a_watch_that_fails_is_begun_again_and_what_changed_is_learnt() {
    if bed().is_none() {
        return;
    }
    std::thread::scope(|scope| {
        let mut tests = FAULTS
            .map(|(name, fault)| scope.spawn(move || outlived(name, fault)))
            .into_iter()
            .collect::<Vec<_>>();
        tests.push(scope.spawn(frozen));
        tests.push(scope.spawn(made_again));
        let failed = tests
            .into_iter()
            .filter_map(|test| test.join().err())
            .count();
        assert_eq!(failed, 0, "{failed} faults, see above");
    });
}

fn outlived(name: &str, fault: Fault) {
    let Some(mut node) = Node::start(name, "1s") else {
        return;
    };
    let measured = node.measured();
    node.forward.fail(Kind::Watch, fault);
    node.until("watches to fail", LIMIT, || {
        // One that was on its way when the fault began is cut once it is there.
        node.forward.cut_watches();
        node.forward.failed(Kind::Watch) > 0
    });
    let newest = node.change();
    node.forward.heal();
    node.until_observed(newest, LIMIT);
    assert!(node.measured() > measured, "{name}: it does not measure");
    node.assert_running();
    only_its_own(&node);
}

/// A connection that died without a word.
fn frozen() {
    let Some(mut node) = Node::start("w-frozen", "1s") else {
        return;
    };
    node.forward.freeze_watches();
    let newest = node.change();
    node.until_observed(newest, LIMIT);
    node.assert_running();
    only_its_own(&node);
}

/// The new object must not wait for what was written to the old one.
fn made_again() {
    let Some(mut node) = Node::start("w-made-again", "1s") else {
        return;
    };
    for kind in [Kind::Watch, Kind::Read] {
        node.forward.fail(kind, Fault::Answer(410));
    }
    node.forward.cut_watches();
    node.until("watches to fail", LIMIT, || {
        node.forward.failed(Kind::Watch) > 0
    });
    node.recreate();
    assert!(node.object().get("status").is_none());
    node.forward.heal();
    node.until_observed(1, LIMIT);
    node.assert_running();
}

fn only_its_own(node: &Node) {
    let own = format!("/apis/unstall.dev/v1alpha1/nodehealths/{}", node.name);
    let field = format!("fieldSelector=metadata.name%3D{}", node.name);
    for request in node.forward.seen() {
        let is_own = request.target.starts_with(&own) || request.target.contains(&field);
        assert!(is_own, "{}", request.target);
    }
}
