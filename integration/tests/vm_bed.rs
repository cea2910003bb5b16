//! The bed of virtual machines itself: commands, reboots and power cuts are what
//! they say.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use unstall_integration::process_id::ProcessId;
use unstall_integration::testing::vm_can_run;
use unstall_integration::vm::{Cgroups, Kernel, System, Vm, VmOptions};

const REBOOT_WITHIN: Duration = Duration::from_secs(600);

#[test]
fn commands_give_their_output_their_code_and_their_end() {
    if !vm_can_run() {
        return;
    }
    let mut options = VmOptions::new(Kernel::Linux6_1, Cgroups::V2, System::Busybox);
    options.files.bytes("/etc/greeting", "hello\n", 0o600);
    let mut vm = Vm::start(&options).unwrap();
    let ran = vm.run("cat /etc/greeting; echo no >&2; exit 7").unwrap();
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (7, "hello\n", "no\n")
    );
    let killed = vm.run_within("sleep 100", Duration::from_secs(1)).unwrap();
    assert_eq!(killed.code, 137);
    // More than a terminal's line and than a serial port's buffer holds.
    let long = "x".repeat(20_000);
    let length = vm.check(&format!("printf %s {long} | wc -c")).unwrap();
    assert_eq!(length, "20000");
    let boot = vm.check("cat /proc/sys/kernel/random/boot_id").unwrap();
    assert_eq!(boot, vm.boot_id());
    let qemu = ProcessId::of(vm.pid().unwrap()).unwrap();
    drop(vm);
    assert!(!qemu.is_alive(), "QEMU outlived its machine");
}

#[test]
fn a_reboot_keeps_the_disk_and_a_power_cut_loses_what_was_not_written() {
    if !vm_can_run() {
        return;
    }
    let options = VmOptions::new(Kernel::Linux6_1, Cgroups::V2, System::Systemd);
    let mut vm = Vm::start(&options).unwrap();
    let first = vm.boot_id().to_owned();
    vm.check("echo kept >/var/lib/marker").unwrap();
    let started = Instant::now();
    // Later, or the shutdown may overtake the answer to this.
    vm.check(
        "(sleep 2; busctl call org.freedesktop.login1 /org/freedesktop/login1 \
         org.freedesktop.login1.Manager Reboot b false) >/dev/null 2>&1 &",
    )
    .unwrap();
    vm.wait_reboot(REBOOT_WITHIN).unwrap();
    println!("reboot by logind: {:?}", started.elapsed());
    assert_ne!(vm.boot_id(), first);
    assert_eq!(vm.check("cat /var/lib/marker").unwrap(), "kept");

    let second = vm.boot_id().to_owned();
    vm.check("echo synced >/var/lib/marker; sync; echo lost >/var/lib/late")
        .unwrap();
    vm.power_cut();
    assert!(!vm.is_on());
    assert!(vm.run("true").is_err());
    vm.power_on().unwrap();
    assert_ne!(vm.boot_id(), second);
    assert_eq!(vm.check("cat /var/lib/marker").unwrap(), "synced");
    assert_eq!(
        vm.check("cat /var/lib/late 2>/dev/null || true").unwrap(),
        ""
    );
}
