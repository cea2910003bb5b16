//! A command becomes a reboot, and the next boot proves it.

use std::time::{Duration, Instant};

use unstall_integration::testing::{real, vm_can_run};

use super::guest::{Guest, assert_outcome};

#[test]
fn refused_while_blocked_then_queued_behind_a_drop_then_done_and_proven() {
    if !vm_can_run() {
        return;
    }
    real("reboots by systemd's logind in a virtual machine");
    let mut guest = Guest::start("10s");
    let confined = guest
        .vm
        .check("cat /proc/$(systemctl show -P MainPID unstall-actuator)/status")
        .unwrap();
    for row in ["CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(confined.contains(row), "{confined}");
    }

    // A block inhibitor is named, and nothing is begun.
    guest.inhibit("block", "backup", "copying /srv");
    let blocked = guest.execute(&guest.reboot("r-1"));
    println!("blocked: {blocked}");
    assert_outcome(&blocked, "Refused", &["\"backup\"", "\"copying /srv\""]);
    assert_eq!(blocked["reason"], "ShutdownInhibited");
    guest.release("backup");

    // `dropCaches`, then `reboot`: offered as the probe does, until it is obeyed.
    let before = guest.vm.boot_id().to_owned();
    guest.watch_signals();
    let command = guest.reboot("r-2");
    let [dropped, busy] = guest.execute_both(&guest.drop_caches("d-1"), &command);
    assert_eq!(dropped["state"], "Accepted", "{dropped}");
    assert_eq!(busy["reason"], "Busy", "{busy}");
    let (mut reasons, started) = (vec!["Busy".to_owned()], Instant::now());
    let accepted = loop {
        let answer = guest.execute(&command);
        match answer["reason"].as_str() {
            Some(reason @ ("Busy" | "TooSoon")) => reasons.push(reason.to_owned()),
            _ => break answer,
        }
        assert!(started.elapsed() < Duration::from_secs(120), "{answer}");
    };
    println!("queued: {reasons:?}, then {accepted}");
    assert_eq!(accepted["state"], "Accepted", "{accepted}");
    assert_eq!(reasons.last().map(String::as_str), Some("TooSoon"));

    guest.wait_reboot();
    let after = guest.vm.boot_id().to_owned();
    assert_ne!(before, after);
    // The probe of the new boot finds the old boot's command and hands it over.
    let replayed = guest.execute(&command);
    println!("after the reboot: {replayed}");
    assert_outcome(
        &replayed,
        "Succeeded",
        &[&before, &after, "logind took it at"],
    );
    assert_eq!(replayed["repeated"], true);
    assert_eq!(guest.status("d-1")["state"], "Succeeded");
    let signals = guest.vm.check("cat /var/lib/signals").unwrap();
    println!("{signals}");
    assert!(
        signals.contains("PrepareForShutdown") && signals.contains("BOOLEAN true"),
        "{signals}"
    );
}
