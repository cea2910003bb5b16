//! A policy reboots, and the node's actuator would not: by the chart's default, and
//! where the host has no system bus.

use serde_json::Value;
use unstall_integration::product::{apply, text};
use unstall_integration::testing::real;

use crate::stage::{Stage, settings};

/// Any read takes longer than this: it fires without a stall.
fn policy() -> String {
    include_str!("policy.yaml")
        .replace(
            "above: 3ms, clearBelow: 1500us",
            "above: 1us, clearBelow: 1us",
        )
        .replace("for: 5s", "for: 1s")
        .replace("remedies: [drop]", "remedies: [boot]")
        .replace(
            "- {name: drop, dropCaches: {level: Auto}, settle: 2s, maxPerNodePer24h: 48}",
            "- {name: boot, reboot: {}}",
        )
}

/// What the node's actuator says of reboots, once it said so.
fn why_not(stage: &Stage, says: &str) {
    stage.until(says, |objects| {
        let probe = |field: &str| objects.health().pointer(&format!("/status/probe/{field}"));
        let message = probe("rebootsMessage").and_then(Value::as_str);
        probe("reboots") == Some(&Value::Bool(false))
            && message.is_some_and(|message| message.contains(says))
    });
}

/// The incident waits with the actuator's reason, and the node is as it was.
fn nothing_is_done(stage: &Stage, says: &str) {
    apply(stage.cluster(), &policy()).unwrap();
    let objects = stage.until("the incident to wait", |objects| {
        text(objects.remediation(), "/status/blockers/0/reason") == Some("ActuatorUnavailable")
    });
    let message = text(objects.remediation(), "/status/blockers/0/message").unwrap();
    assert!(message.contains(says), "{message}");
    real(&format!(
        "a reboot that its actuator would refuse: {message}"
    ));
    let node = stage.kubectl(&["get", "nodes", "-o", "jsonpath={.items[0].spec}"]);
    assert!(!node.contains("unschedulable"), "{node}");
    let ledger = objects.ledger().pointer("/status/slotsInUse");
    assert!(
        ledger.and_then(Value::as_u64).unwrap_or(0) == 0,
        "{ledger:?}"
    );
}

#[test]
fn by_the_charts_default_no_node_is_cordoned_for_a_reboot() {
    let Some(stage) = Stage::set(&settings(true)) else {
        return;
    };
    let says = "actuator.reboot.enabled";
    why_not(&stage, says);
    nothing_is_done(&stage, says);
}

#[test]
fn on_a_host_without_a_system_bus_none_is_either() {
    // Where one runs a reboot would be real: `vm_reboot` has those.
    if std::path::Path::new("/run/dbus/system_bus_socket").exists() {
        real("this host has a system bus and would be rebooted: refusals without one not tried");
        return;
    }
    let given = [
        settings(true),
        vec!["actuator.reboot.enabled=true".to_owned()],
    ]
    .concat();
    let Some(stage) = Stage::set(&given) else {
        return;
    };
    let says = "/host/run/dbus/system_bus_socket";
    why_not(&stage, says);
    nothing_is_done(&stage, says);
}
