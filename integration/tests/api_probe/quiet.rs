//! How often a healthy node is written of.

use std::time::Duration;

use crate::node::Node;

/// Set to a number of seconds, it is watched for that long.
const LONGER: &str = "UNSTALL_QUIET_SECONDS";
const HEARTBEAT: Duration = Duration::from_secs(300);

#[test]
fn a_healthy_node_is_written_of_once_in_five_minutes_at_most() {
    let Some(mut node) = Node::start("quiet", "60s") else {
        return;
    };
    node.settle();
    let given = std::env::var(LONGER).ok().and_then(|it| it.parse().ok());
    let time = Duration::from_secs(given.unwrap_or(40));
    let before = node.forward.seen().len();
    std::thread::sleep(time);
    let seen = node.forward.seen().split_off(before);
    let writes = node.forward.written().len();
    let late: Vec<_> = seen.iter().map(|it| (it.kind, &it.target)).collect();
    println!("{time:?}: {late:?}, {writes} writes since its start");
    let writes = seen.iter().filter(|it| !it.body.is_null()).count() as f64;
    let most = (time.as_secs_f64() / (HEARTBEAT.as_secs_f64() * 0.9)).ceil();
    assert!(writes <= most, "{writes} writes in {time:?}: {seen:#?}");
    node.assert_running();
}
