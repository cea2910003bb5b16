//! What a command's expiry ends.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use unstall_crds::health::CommandState;

use crate::rig::{Rig, lacking, payload};

/// A command that expires 2.5 s to 3.5 s from now, on a whole second.
fn short_lived(id: &str) -> unstall_crds::command::CommandPayload {
    let mut short = payload(id);
    let at = Timestamp::now() + SignedDuration::from_millis(3_500);
    short.expires_at = Time(Timestamp::from_second(at.as_second()).unwrap());
    short
}

#[test]
fn no_pass_begins_after_the_commands_expiry() {
    if lacking() {
        return;
    }
    let mut rig = Rig::new();
    let written = rig.kernel(&[15_000, 10_000, 5_000]);
    rig.start(&[]);
    let command = short_lived("one");
    rig.execute(&command);
    let end = rig.end_of("one");
    // Each pass takes 2 s until the count has settled, and all of them helped.
    assert_eq!(end.state, CommandState::Succeeded, "{end:?}");
    assert!(matches!(end.passes.len(), 1 | 2), "{end:?}");
    assert_eq!(written.try_iter().count(), end.passes.len());
}

#[test]
fn a_write_that_is_at_work_at_the_commands_expiry_is_killed() {
    if lacking() {
        return;
    }
    let mut rig = Rig::new();
    let _pipe = rig.hanging_kernel();
    rig.start(&["--command-timeout", "2m"]);
    let command = short_lived("one");
    rig.execute(&command);
    let end = rig.end_of("one");
    assert_eq!(end.state, CommandState::Failed, "{end:?}");
    assert!(end.message.contains("was killed"), "{}", end.message);
    let late = end
        .finished_at
        .unwrap()
        .duration_since(command.expires_at.0);
    assert!(
        late >= SignedDuration::ZERO && late < SignedDuration::from_secs(5),
        "{late:?}"
    );
    assert!(Duration::try_from(late).is_ok());
}
