//! What happens to the node itself while it is told to reboot.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use unstall_integration::product::{list, text};
use unstall_integration::vm_fleet::{health, node, remediation};

use crate::luck::{Luck, SICK};

/// Keeps the order back until somebody has put the bus between.
const GATE: &str = "example.org/may-reboot";

/// Passes everything on to the real one, and stops where it is told.
const BUS: &str = include_str!("../../data/vm/bus.pl");

pub fn clock_an_hour_ahead(luck: &Luck<'_>) {
    clock(luck, "+1 hour", "-1 hour");
}

pub fn clock_an_hour_behind(luck: &Luck<'_>) {
    clock(luck, "-1 hour", "+1 hour");
}

/// Its commands are over, or not yet valid: it obeys none, and says so.
fn clock(luck: &Luck<'_>, wrong: &str, right: &str) {
    let boots = luck.sick().boots().len();
    luck.without_controllers();
    luck.sick().check(&format!("date -s '{wrong}'")).unwrap();
    let incident = luck.strike();
    let ended = luck.ends_as(&incident, "NotFixed");
    let message = text(&ended, "/status/rungs/0/message").unwrap();
    let objects = luck.bed.now();
    let command = health(&objects, SICK).and_then(|it| it.pointer("/status/command"));
    assert!(
        message.contains("clock") || message.contains("expired"),
        "{message}; {command:#?}; {ended:#}"
    );
    assert_eq!(luck.sick().boots().len(), boots, "nobody rebooted it");
    luck.sick().check(&format!("date -s '{right}'")).unwrap();
    luck.release();
    luck.mend();
}

/// The bus stands still between the actuator's journal and its call, and the actuator
/// is killed there: the order was begun and is not carried out a second time.
pub fn actuator_killed_between_journal_and_reboot(luck: &Luck<'_>) {
    let boots = luck.sick().boots().len();
    gates(
        luck,
        &format!(r#"{{"beforeReboot":[{{"name":"test","annotation":{{"key":"{GATE}"}}}}]}}"#),
    );
    let incident = luck.strike();
    // Drained, so that pods end by the bus that they know.
    luck.bed.until_blocked(SICK, "GateClosed");
    let put_between = "cd /run; echo 'Reboot 1' >hold; rm -f held calls
        mv dbus/system_bus_socket dbus/real
        setsid perl bus.pl /run/dbus/system_bus_socket /run/dbus/real </dev/null >bus.log 2>&1 &
        until [ -S dbus/system_bus_socket ]; do sleep 0.1; done";
    let bus = STANDARD.encode(BUS);
    luck.sick()
        .check(&format!(
            "echo {bus} | base64 -d >/run/bus.pl; {put_between}"
        ))
        .unwrap();
    luck.bed
        .kubectl(&["annotate", "node", SICK, &format!("{GATE}={incident}")]);
    // In the machine itself: the actuator does not wait long for a bus that stands still.
    let kill =
        "i=0; until [ -e /run/held ]; do sleep 0.05; i=$((i+1)); [ $i -lt 6000 ] || exit 9; done
        for pid in $(pidof node-probe); do grep -q actuate /proc/$pid/cmdline && kill -9 $pid; done
        kill $(cat /run/bus.pid); mv /run/dbus/real /run/dbus/system_bus_socket";
    let killed = luck.sick().run_within(kill, Duration::from_secs(400));
    let killed = killed.unwrap();
    assert_ne!(killed.code, 9, "the actuator never asked the bus");
    assert_eq!(killed.code, 0, "{killed:?}");
    let interrupted = |it: &Value| text(it, "/status/command/state") == Some("Interrupted");
    luck.bed.until("the order to be interrupted", |objects| {
        health(objects, SICK).is_some_and(interrupted)
    });
    let ended = luck.ends_as(&incident, "NotFixed");
    assert_eq!(ended.pointer("/status/rungs/1"), None, "{ended:#}");
    assert_eq!(luck.sick().boots().len(), boots, "nobody rebooted it");
    gates(luck, "null");
    luck.bed
        .kubectl(&["annotate", "node", SICK, &format!("{GATE}-")]);
    luck.release();
    luck.mend();
}

fn gates(luck: &Luck<'_>, gates: &str) {
    let patch = format!(r#"{{"spec":{{"gates":{gates}}}}}"#);
    let policy = ["patch", "nhp", "memcg-stalls", "--type=merge", "-p", &patch];
    luck.bed.kubectl(&policy);
}

/// Its power fails while it reboots, and that was its end.
pub fn machine_never_comes_back(luck: &Luck<'_>) {
    let incident = luck.strike();
    luck.sick().stay_off();
    luck.bed.until("the order to reboot", |objects| {
        let told = health(objects, SICK).and_then(|it| text(it, "/status/command/state"));
        let phase = remediation(objects, SICK).and_then(|it| text(it, "/status/phase"));
        phase == Some("Rebooting") && told.is_some_and(|it| it != "Refused")
    });
    luck.sick().power_cut();
    let ended = luck.ends_as(&incident, "Failed");
    assert!(!luck.sick().is_on(), "{ended:#}");
    keeps_its_slot(luck);
    let told = luck.bed.kubectl(&["get", "events", "-A", "-o", "json"]);
    assert!(
        told.contains(&incident) && told.contains("\"Failed\""),
        "a Warning tells of it: {told}"
    );
    luck.sick().power_on().unwrap();
    luck.bed.until_clear(SICK);
    // It takes no place any more; whoever looks after it has not done so yet.
    is_cordoned(&luck.bed.now());
    luck.release();
    luck.mend();
}

fn keeps_its_slot(luck: &Luck<'_>) {
    let objects = luck.bed.now();
    let of_ledger = |it: &&Value| text(it, "/kind") == Some("DisruptionLedger");
    let ledger = objects.iter().find(of_ledger).unwrap();
    let slots = list(ledger, "/status/slots").iter();
    let nodes: Vec<_> = slots.filter_map(|it| text(it, "/node")).collect();
    assert_eq!(nodes, [SICK], "its slot is kept: {ledger:#}");
    is_cordoned(&objects);
}

fn is_cordoned(objects: &[Value]) {
    let object = node(objects, SICK).unwrap();
    let cordon = object.pointer("/spec/unschedulable");
    assert_eq!(cordon, Some(&Value::Bool(true)), "{object:#}");
}
