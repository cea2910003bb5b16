//! What happens to the node itself while it is told to reboot.

use serde_json::Value;
use unstall_integration::product::text;
use unstall_integration::vm_fleet::health;

use crate::luck::{Luck, SICK};

pub fn clock_an_hour_ahead(luck: &Luck<'_>) {
    clock(luck, "+1 hour", "-1 hour");
}

pub fn clock_an_hour_behind(luck: &Luck<'_>) {
    clock(luck, "-1 hour", "+1 hour");
}

/// Its commands are over, or not yet valid: it obeys none, and says so.
fn clock(luck: &Luck<'_>, wrong: &str, right: &str) {
    let boots = luck.sick().boots().len();
    luck.sick().check(&format!("date -s '{wrong}'")).unwrap();
    let incident = luck.strike();
    let ended = luck.ends_as(&incident, "NotFixed");
    let message = text(&ended, "/status/rungs/0/message").unwrap();
    assert!(
        message.contains("clock") || message.contains("expired"),
        "{message}"
    );
    assert_eq!(luck.sick().boots().len(), boots, "nobody rebooted it");
    luck.sick().check(&format!("date -s '{right}'")).unwrap();
    luck.release();
    luck.mend();
}

/// The bus stands still when the actuator asks, and the actuator is killed: the
/// order was begun and is not carried out a second time.
pub fn actuator_killed_between_journal_and_reboot(luck: &Luck<'_>) {
    let boots = luck.sick().boots().len();
    let incident = luck.strike_held_up();
    luck.sick()
        .check("kill -STOP $(pidof dbus-daemon)")
        .unwrap();
    luck.let_go();
    luck.bed.until("the order to be accepted", |objects| {
        let command = health(objects, SICK).and_then(|it| it.pointer("/status/command"));
        command.is_some_and(|it| {
            text(it, "/action") == Some("Reboot") && text(it, "/finishedAt").is_none()
        })
    });
    luck.sick()
        .check("for pid in $(pidof node-probe); do grep -q actuate /proc/$pid/cmdline && kill -9 $pid; done; kill -CONT $(pidof dbus-daemon)")
        .unwrap();
    let interrupted = |it: &Value| text(it, "/status/command/state") == Some("Interrupted");
    luck.bed.until("the order to be interrupted", |objects| {
        health(objects, SICK).is_some_and(interrupted)
    });
    let ended = luck.ends_as(&incident, "NotFixed");
    let message = text(&ended, "/status/message").unwrap();
    println!("{message}");
    assert_eq!(luck.sick().boots().len(), boots, "nobody rebooted it");
    luck.release();
    luck.mend();
}

/// It goes down as it was told, and that was its end.
pub fn machine_never_comes_back(luck: &Luck<'_>) {
    let incident = luck.strike();
    luck.sick().stay_off();
    let ended = luck.ends_as(&incident, "Failed");
    let objects = luck.bed.now();
    let ledger = objects
        .iter()
        .find(|it| text(it, "/kind") == Some("DisruptionLedger"))
        .unwrap();
    assert_eq!(
        ledger.pointer("/status/slotsInUse"),
        Some(&Value::from(1)),
        "its slot is kept: {ledger:#}"
    );
    assert!(!luck.sick().is_on(), "{ended:#}");
    luck.sick().power_on().unwrap();
    luck.bed.until_clear(SICK);
    luck.release();
    luck.mend();
}
