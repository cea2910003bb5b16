//! The actuator killed with -9 at each step between the journal and the reboot.

use unstall_integration::testing::vm_can_run;

use super::guest::{Guest, asking, assert_outcome};

/// Nothing asked logind for anything, and nobody does later.
fn assert_untouched(guest: &mut Guest, boot: &str) {
    assert!(!guest.is_shutting_down());
    let id = guest
        .vm
        .check("sleep 3; cat /proc/sys/kernel/random/boot_id")
        .unwrap();
    assert_eq!(id, boot);
}

#[test]
fn killed_before_logind_has_it_it_is_interrupted_and_never_repeated() {
    if !vm_can_run() {
        return;
    }
    let mut guest = Guest::start("2s");
    let boot = guest.vm.boot_id().to_owned();
    // At the first look, before the journal: nothing is known of it.
    for (id, step, end) in [
        ("before-the-journal", "ListInhibitors 1", None),
        ("journaled", "ListInhibitors 2", Some("Interrupted")),
        ("asking", "Reboot 1", Some("Interrupted")),
    ] {
        guest.stop_bus_at(step);
        let command = guest.reboot(id);
        let request = guest.request(&command);
        // Its answer may never come: it is killed meanwhile.
        guest
            .vm
            .check(&format!(
                "setsid {} </dev/null >/run/answer 2>&1 &",
                asking(&request)
            ))
            .unwrap();
        guest.wait_for_hold();
        guest.kill_actuator();
        guest.real_bus();
        guest.start_actuator();
        let outcome = guest.status(id);
        println!("killed at {step}: {outcome}");
        match end {
            None => assert!(outcome.is_null(), "{outcome}"),
            Some(state) => {
                assert_outcome(&outcome, state, &["still the same boot"]);
                let again = guest.execute(&command);
                assert_eq!(again["state"], state, "{again}");
                assert_eq!(again["repeated"], true);
            }
        }
        assert_untouched(&mut guest, &boot);
    }
}

#[test]
fn killed_after_logind_has_it_the_boot_says_what_became_of_it() {
    if !vm_can_run() {
        return;
    }
    let mut guest = Guest::start("2s");
    let boot = guest.vm.boot_id().to_owned();
    guest.inhibit("delay", "kubelet", "pods");
    // logind's acceptance is in the journal: it is waited for again.
    let command = guest.reboot("taken");
    assert_eq!(guest.execute(&command)["state"], "Accepted");
    guest.until("logind's acceptance is recorded", |guest| {
        let journal = guest.vm.run("cat /var/lib/unstall/journal.json").unwrap();
        journal.stdout.contains("askedAt")
    });
    assert!(guest.is_shutting_down());
    guest.kill_actuator();
    guest.start_actuator();
    let waiting = guest.execute(&command);
    println!("killed while it goes down: {waiting}");
    assert_outcome(&waiting, "Accepted", &["logind took the reboot"]);
    assert_eq!(guest.vm.boot_id(), boot);
    guest.release("kubelet");
    guest.wait_reboot();
    let end = guest.status("taken");
    println!("the boot after: {end}");
    assert_outcome(&end, "Succeeded", &[&boot, guest.vm.boot_id()]);

    // logind took it, and its answer was lost with the actuator.
    let boot = guest.vm.boot_id().to_owned();
    guest.inhibit("delay", "kubelet", "pods");
    guest.stop_bus_at("reply Reboot");
    let command = guest.reboot("unanswered");
    assert_eq!(guest.execute(&command)["state"], "Accepted");
    guest.wait_for_hold();
    guest.kill_actuator();
    guest.real_bus();
    guest.start_actuator();
    let lost = guest.execute(&command);
    println!("killed before the answer: {lost}");
    assert_outcome(&lost, "Interrupted", &["still the same boot"]);
    guest.release("kubelet");
    guest.wait_reboot();
    assert_ne!(guest.vm.boot_id(), boot);
    let end = guest.execute(&command);
    assert_eq!(end["state"], "Interrupted", "an end stays: {end}");
    let boot = guest.vm.boot_id().to_owned();
    assert_untouched(&mut guest, &boot);
}
