//! What Debian's own disk says of its next boot, to root and to the chart's user:
//! modes bind nobody but the latter.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

use serde_json::Value;
use unstall_integration::released::static_binary;
use unstall_integration::testing::{real, vm_can_run};
use unstall_integration::vm::{Cgroups, Kernel, System, Vm, VmOptions};

const AS_PROBE: &str = "setpriv --reuid=61321 --regid=61321 --clear-groups --";
const CHECK: &str = "/usr/local/bin/node-probe check -o json --samples 3 --max-time 2s; true";

/// Debian's layout of a kernel, as its packages and update-grub leave it.
const INSTALL: &str = "set -e; version=6.1.0-99-amd64; mkdir -p /boot/grub
touch /boot/vmlinuz-$version /boot/initrd.img-$version
{ printf '# GRUB Environment Block\\n'; head -c 999 /dev/zero | tr '\\0' '#'; } >/boot/grub/grubenv
printf 'set default=\"0\"\\nlinux /boot/vmlinuz-%s\\n' $version >/boot/grub/grub.cfg
chmod 600 /boot/grub/grub.cfg";

/// The part of a report that is about the host, and why something is not in it.
fn report(vm: &mut Vm, user: &str) -> (Value, String) {
    let printed = vm.check(&format!("{user} {CHECK}")).unwrap();
    let report: Value = serde_json::from_str(&printed).unwrap();
    let not_read = report["notRead"].as_array().unwrap().iter();
    let about =
        not_read.filter(|it| it["what"] == "staged kernel" || it["what"] == "reboot required");
    let why: Vec<_> = about.map(|it| it["why"].as_str().unwrap()).collect();
    (report["host"].clone(), why.join("; "))
}

#[test]
fn a_debian_disk_tells_of_its_next_boot() {
    if !vm_can_run() {
        return;
    }
    let mut options = VmOptions::new(Kernel::Linux6_1, Cgroups::V2, System::Systemd);
    let program = static_binary("node-probe").unwrap();
    options.files.program("/usr/local/bin/node-probe", &program);
    let mut vm = Vm::start(&options).unwrap();

    // QEMU brings the kernel: the disk has none, and nothing that boots.
    let (host, why) = report(&mut vm, AS_PROBE);
    assert_eq!(host["stagedKernel"], Value::Null, "{host}");
    assert!(
        why.contains("/boot: neither GRUB nor systemd-boot"),
        "{why}"
    );
    let asked = vm.run("test -f /run/reboot-required").unwrap().code == 0;
    assert_eq!(host["rebootRequired"], asked, "{host}");
    real(&format!(
        "Debian's disk in a VM: reboot required {asked}; {why}"
    ));

    vm.check("touch /run/reboot-required").unwrap();
    assert_eq!(report(&mut vm, AS_PROBE).0["rebootRequired"], true);
    vm.check("rm /run/reboot-required && mkdir /run/reboot-required")
        .unwrap();
    let (host, why) = report(&mut vm, AS_PROBE);
    assert_eq!(host["rebootRequired"], Value::Null, "{host}");
    assert!(why.contains("a folder and no sentinel"), "{why}");

    vm.check(INSTALL).unwrap();
    for user in ["", AS_PROBE] {
        let (host, why) = report(&mut vm, user);
        assert_eq!(host["stagedKernel"], "6.1.0-99-amd64", "{user}: {why}");
    }
    // As on RHEL, where GRUB's folder is root's alone.
    vm.check("chmod 700 /boot/grub").unwrap();
    let (host, why) = report(&mut vm, AS_PROBE);
    assert_eq!(host["stagedKernel"], Value::Null, "{host}");
    assert!(
        why.contains("/boot/grub/grubenv: Permission denied"),
        "{why}"
    );
    assert_eq!(report(&mut vm, "").0["stagedKernel"], "6.1.0-99-amd64");
}
