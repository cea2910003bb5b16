//! How often a healthy node is written of.

use std::time::Duration;

use crate::node::Node;
use unstall_integration::forward::Kind;

/// Set to a number of seconds, it is watched for that long.
const LONGER: &str = "UNSTALL_QUIET_SECONDS";
const HEARTBEAT: Duration = Duration::from_secs(300);
const START: Duration = Duration::from_secs(120);

#[test]
fn a_healthy_node_is_written_of_once_in_five_minutes_at_most() {
    let Some(mut node) = Node::start("quiet", "5s") else {
        return;
    };
    node.until("a verdict", START, || {
        node.object()["status"]["verdict"] != "Unknown"
    });
    node.settle();
    let given = std::env::var(LONGER).ok().and_then(|it| it.parse().ok());
    let time = Duration::from_secs(given.unwrap_or(40));
    let before = node.forward.seen().len();
    std::thread::sleep(time);
    let seen = node.forward.seen().split_off(before);
    let writes: Vec<_> = seen.iter().filter(|it| it.kind == Kind::Write).collect();
    let others = seen.len() - writes.len();
    let said: Vec<_> = writes
        .iter()
        .map(|it| &it.body["status"]["summary"])
        .collect();
    println!(
        "{time:?}: {} writes {said:?}, {others} other requests",
        writes.len()
    );
    let most = time.as_secs().div_ceil(HEARTBEAT.as_secs());
    assert!(
        writes.len() as u64 <= most,
        "{} writes in {time:?}: {said:?}",
        writes.len()
    );
    node.assert_running();
}
